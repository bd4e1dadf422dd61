package io.github.peft4j.methods.bottleneck.fields;

import io.github.peft4j.config.ConfigPart;
import io.github.peft4j.tuner.site.SublayerSite;
import io.github.peft4j.withers.Withers;
import java.util.List;

/**
 * The fields of a bottleneck adapter that say at which branches of which layers there is one.
 *
 * @param mhAdapter whether there is an adapter at self-attention
 * @param crossAdapter whether there is one at a decoder's attention over the encoder
 * @param outputAdapter whether there is one at the feed-forward network
 * @param leaveOut indices of layers without adapters, a decoder's counting on from its encoder's
 */
@Withers
public record Places(
    boolean mhAdapter, boolean crossAdapter, boolean outputAdapter, List<Integer> leaveOut)
    implements ConfigPart, PlacesWithers {
  /**
   * Whether there is an adapter.
   *
   * @param layer the layer's index, a decoder's counting on from its encoder's
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
