package io.github.peft4j.methods.bottleneck.fields;

import io.github.peft4j.config.ConfigPart;
import io.github.peft4j.tuner.site.SublayerSite;
import io.github.peft4j.withers.Withers;
import java.util.List;

/**
 * The fields of a bottleneck adapter that choose the branches and layers with an adapter.
 *
 * @param mhAdapter whether the self-attention has an adapter
 * @param crossAdapter whether a decoder's cross-attention has an adapter
 * @param outputAdapter whether the feed-forward network has an adapter
 * @param leaveOut indices of the layers without adapters. A decoder's layers are counted after its
 *     encoder's
 */
@Withers
public record Places(
    boolean mhAdapter, boolean crossAdapter, boolean outputAdapter, List<Integer> leaveOut)
    implements ConfigPart, PlacesWithers {
  /**
   * Whether a branch has an adapter.
   *
   * @param layer the layer's index. A decoder's layers are counted after its encoder's
   */
  public boolean has(SublayerSite.Kind branch, int layer) {
    boolean wanted =
        switch (branch) {
          case ATTENTION -> mhAdapter;
          case CROSS_ATTENTION -> crossAdapter;
          case FEED_FORWARD -> outputAdapter;
        };
    return wanted && !leaveOut.contains(layer);
  }
}
