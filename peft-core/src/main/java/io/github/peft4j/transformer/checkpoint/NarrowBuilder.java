package io.github.peft4j.transformer.checkpoint;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.transformer.block.NarrowStack;
import io.github.peft4j.transformer.block.TransformerLayer;
import io.github.peft4j.transformer.family.AttentionSpec;
import io.github.peft4j.transformer.family.FeedForwardSpec;
import io.github.peft4j.transformer.family.FeedForwardSpec.Network;
import io.github.peft4j.transformer.family.LayerSpec;
import io.github.peft4j.transformer.family.Sizes;
import io.github.peft4j.transformer.family.StackSpec;
import io.github.peft4j.transformer.rope.RopeScaling;
import io.github.peft4j.transformer.rope.RopeSpec;
import io.github.peft4j.tuner.site.NarrowLayers;
import io.github.peft4j.tuner.site.Narrowing;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;

/** Builds layers like those that a spec describes, with sizes divided by a factor. */
final class NarrowBuilder implements Narrowing {

  /** Blocks of several narrow stacks have different names, which a cache tells apart. */
  private static final AtomicLong STACKS = new AtomicLong();

  private final StackSpec spec;

  NarrowBuilder(StackSpec spec) {
    this.spec = spec;
  }

  @Override
  public NarrowLayers narrow(int factor, List<Integer> chosen, Function<Tensor, NDArray> tensors) {
    String prefix = "narrow" + STACKS.incrementAndGet() + ".";
    StackSpec narrow = narrower(factor).prefix(prefix);
    Weights weights =
        (name, shape) -> {
          String relative = name.substring(prefix.length());
          return tensors.apply(new Tensor(relative, spec.prefix() + relative, new Shape(shape)));
        };
    LayersBuilder builder = new LayersBuilder(narrow, weights);
    Map<Integer, TransformerLayer> layers = new LinkedHashMap<>();
    chosen.forEach(i -> layers.put(i, builder.layer(i)));
    int hidden = narrow.sizes().hidden();
    String norm = narrow.finalNorm();
    return new NarrowStack(
        hidden,
        layers,
        norm == null ? null : weights.norm(prefix + norm, hidden, narrow.norm()),
        narrow.dropout(),
        builder.rotaries());
  }

  private StackSpec narrower(int factor) {
    Sizes sizes = spec.sizes();
    int head = divided(sizes.head(), factor, "heads have");
    return spec.sizes(
            sizes.hidden(divided(sizes.hidden(), factor, "hidden states have")).head(head))
        .eachLayer((i, layer) -> narrower(layer, factor, head));
  }

  private LayerSpec narrower(LayerSpec layer, int factor, int head) {
    AttentionSpec cross = layer.crossAttention();
    return layer
        .attention(narrower(layer.attention(), factor, head))
        .crossAttention(cross == null ? null : narrower(cross, factor, head))
        .feedForward(narrower(layer.feedForward(), factor));
  }

  private FeedForwardSpec narrower(FeedForwardSpec network, int factor) {
    if (network.network() instanceof Network.Mixture) {
      throw refused("it has experts");
    }
    return network.inner(divided(network.inner(), factor, "the feed-forward network has"));
  }

  private AttentionSpec narrower(AttentionSpec attention, int factor, int head) {
    if (attention.disentangled() != null) {
      throw refused("its layers share vectors of relative positions, which are not narrower");
    }
    RopeSpec rope = attention.rope();
    return rope == null ? attention : attention.rope(narrower(rope, factor, head));
  }

  private RopeSpec narrower(RopeSpec rope, int factor, int head) {
    if (rope.scaling() instanceof RopeScaling.LongRope) {
      throw refused("its rotary positions have a factor for each pair of a head's dimensions");
    }
    if (head < 2) {
      throw refused("heads of one dimension cannot be rotated; expected a smaller factor");
    }
    int pairs = Math.max(1, rope.dimensions() / (2 * factor));
    return new RopeSpec(rope.theta(), 2 * pairs, head, rope.scaling());
  }

  private int divided(int size, int factor, String what) {
    if (size < factor) {
      throw refused(
          "%s %d dimensions; expected %d or more, or a smaller factor"
              .formatted(what, size, factor));
    }
    return size / factor;
  }

  private IllegalArgumentException refused(String reason) {
    return new IllegalArgumentException(
        "there can be no narrower layers beside stack '" + spec.name() + "': " + reason);
  }
}
