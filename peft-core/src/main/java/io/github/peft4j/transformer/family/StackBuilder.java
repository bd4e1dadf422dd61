package io.github.peft4j.transformer.family;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.transformer.block.Activation;
import io.github.peft4j.transformer.block.Attention;
import io.github.peft4j.transformer.block.Embedding;
import io.github.peft4j.transformer.block.FeedForward;
import io.github.peft4j.transformer.block.InputEmbedding;
import io.github.peft4j.transformer.block.Linear;
import io.github.peft4j.transformer.block.NamedBlock;
import io.github.peft4j.transformer.block.Norm;
import io.github.peft4j.transformer.block.RelativePositions;
import io.github.peft4j.transformer.block.RotaryEmbedding;
import io.github.peft4j.transformer.block.Stack;
import io.github.peft4j.transformer.block.Sublayer;
import io.github.peft4j.transformer.block.TransformerLayer;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import io.github.peft4j.transformer.family.StackSpec.AttentionSpec;
import io.github.peft4j.transformer.family.StackSpec.BranchSpec;
import io.github.peft4j.transformer.family.StackSpec.EmbeddingSpec;
import io.github.peft4j.transformer.family.StackSpec.FeedForwardSpec;
import io.github.peft4j.transformer.family.StackSpec.PositionSpec;
import io.github.peft4j.transformer.family.StackSpec.SizeSpec;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.site.LinearSite.Role;
import io.github.peft4j.tuner.site.SublayerSite;
import io.github.peft4j.tuner.site.SublayerSite.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Builds a {@link Stack} from its spec, a config and a checkpoint. */
final class StackBuilder {

  private static final String GROUPS = "num_key_value_heads";

  /**
   * The largest total size of heads. No model exceeds it; a larger value is an error in the file.
   */
  private static final int WIDEST = 1 << 20;

  private final StackSpec spec;
  private final ModelConfig config;
  private final Checkpoint weights;
  private final int hidden;
  private final int heads;
  private final int keyValueHeads;
  private final int head;
  private final double epsilon;
  private final double dropout;

  StackBuilder(StackSpec spec, ModelConfig config, Checkpoint weights) {
    this.spec = spec;
    this.config = config;
    this.weights = weights;
    this.hidden = config.size(spec.sizes.hidden());
    this.heads = config.size(spec.sizes.heads());
    this.keyValueHeads = config.has(GROUPS) ? config.size(GROUPS) : heads;
    if (heads % keyValueHeads != 0) {
      throw config.error(GROUPS, keyValueHeads, "a divisor of " + spec.sizes.heads() + " " + heads);
    }
    this.head = headDimension();
    this.epsilon = config.positive(spec.norm.epsilon(), spec.norm.usual());
    this.dropout = dropout(spec.dropout.branches());
  }

  private int headDimension() {
    SizeSpec sizes = spec.sizes;
    if (config.has(sizes.head())) {
      int size = config.size(sizes.head());
      if ((long) size * heads > WIDEST) {
        throw config.error(sizes.head(), size, "at most " + WIDEST / heads);
      }
      return size;
    }
    if (hidden % heads != 0) {
      throw config.error(sizes.heads(), heads, "a divisor of " + sizes.hidden() + " " + hidden);
    }
    return hidden / heads;
  }

  /**
   * Builds the stack.
   *
   * @param tokens another stack's token embedding, which this one shares; or null
   */
  Stack build(@Nullable Embedding tokens) {
    spec.superfluous.forEach(weights::ignore);
    RotaryEmbedding rotary =
        spec.positions instanceof PositionSpec.Rotary
            ? new RotaryEmbedding(RotaryEmbedding.frequencies(config, head), head)
            : null;
    InputEmbedding embedding = embedding(tokens);
    List<TransformerLayer> layers = new ArrayList<>();
    for (int i = 0; i < config.size(spec.sizes.depth()); i++) {
      layers.add(layer(i, rotary));
    }
    return new Stack(
        spec.name(),
        embedding,
        spec.positions instanceof PositionSpec.Relative relative
            ? relativePositions(relative.table())
            : null,
        layers,
        spec.finalNorm == null ? null : norm(spec.named(spec.finalNorm), hidden),
        rotary,
        spec.causal,
        dropout(spec.dropout.last()));
  }

  private InputEmbedding embedding(@Nullable Embedding tokens) {
    EmbeddingSpec tables = spec.embedding;
    PositionSpec.Learned learned =
        spec.positions instanceof PositionSpec.Learned positions ? positions : null;
    return new InputEmbedding(
        spec.name(),
        tokens == null ? table(tables.tokens(), "vocab_size") : tokens,
        tokens == null,
        tables.ownTokens(),
        spec.positions instanceof PositionSpec.Relative,
        learned == null ? null : table(learned.table(), learned.entries()),
        learned == null ? 0 : learned.offset(),
        tables.types() == null ? null : table(tables.types(), "type_vocab_size"),
        tables.norm() == null ? null : norm(spec.named(tables.norm()), hidden),
        dropout(spec.dropout.embeddings()));
  }

  private Embedding table(String name, String entries) {
    return weights.embedding(spec.named(name), config.size(entries), hidden);
  }

  private RelativePositions relativePositions(String name) {
    int buckets = config.integer("relative_attention_num_buckets", 32);
    if (buckets < 4) {
      throw config.error("relative_attention_num_buckets", buckets, "4 or more");
    }
    String field = "relative_attention_max_distance";
    int farthest = config.integer(field, 128);
    if (farthest <= buckets / (spec.causal ? 2 : 4)) {
      throw config.error(field, farthest, "more than half the buckets of a direction");
    }
    return new RelativePositions(
        weights.embedding(spec.named(name), buckets, heads), farthest, !spec.causal);
  }

  private TransformerLayer layer(int index, @Nullable RotaryEmbedding rotary) {
    LayerBuilder layer = new LayerBuilder(index);
    layer.attention(Kind.ATTENTION, spec.attention, rotary);
    if (spec.crossAttention != null) {
      layer.attention(Kind.CROSS_ATTENTION, spec.crossAttention, null);
    }
    layer.feedForward(spec.feedForward);
    return new TransformerLayer(layer.name, layer.parts, layer.branches);
  }

  /** Builds one layer, branch by branch. */
  private final class LayerBuilder {
    final int index;
    final String name;

    /** All blocks in the checkpoint's order. */
    final List<NamedBlock> parts = new ArrayList<>();

    final List<Sublayer> branches = new ArrayList<>();

    LayerBuilder(int index) {
      this.index = index;
      this.name = spec.named(spec.layers) + "." + index;
    }

    void attention(Kind kind, AttentionSpec attention, @Nullable RotaryEmbedding rotary) {
      String whole = name + "." + attention.module();
      Attention block =
          part(
              new Attention(
                  whole,
                  spec.name(),
                  index,
                  new Attention.Shape(
                      heads,
                      keyValueHeads,
                      head,
                      attention.scale().apply(index),
                      dropout(spec.dropout.attention())),
                  projections(whole, attention.projections()),
                  linear(
                      name, attention.output(), Role.ATTENTION_OUTPUT, (long) heads * head, hidden),
                  rotary,
                  attention.queryKeyNorm().stream().map(n -> norm(whole + "." + n, head)).toList(),
                  kind == Kind.CROSS_ATTENTION));
      branch(whole, kind, attention.branch(), block::forward);
    }

    void feedForward(FeedForwardSpec network) {
      String field = spec.sizes.inner();
      int inner = config.has(field) ? config.size(field) : 4 * hidden;
      Linear gate =
          network.gate() == null ? null : linear(name, network.gate(), Role.GATE, hidden, inner);
      Linear up =
          linear(name, network.up(), Role.UP, hidden, network.fusedGate() ? 2L * inner : inner);
      Linear down = linear(name, network.down(), Role.DOWN, inner, hidden);
      FeedForward function =
          new FeedForward(
              gate,
              up,
              down,
              activation(network),
              network.fusedGate(),
              dropout(spec.dropout.feedForward()));
      branch(name + ".feed_forward", Kind.FEED_FORWARD, network.branch(), function::forward);
      Stream.of(gate, up, down).filter(Objects::nonNull).forEach(parts::add);
    }

    private void branch(
        String site, Kind kind, BranchSpec branch, BiFunction<NDArray, Pass, NDArray> function) {
      branches.add(
          new Sublayer(
              new SublayerSite(site, kind, spec.name(), index, name, hidden),
              function,
              part(branch.before()),
              part(branch.behind()),
              part(branch.after()),
              dropout));
    }

    private @Nullable Norm part(@Nullable String norm) {
      return norm == null ? null : part(norm(name + "." + norm, hidden));
    }

    private <B extends NamedBlock> B part(B block) {
      parts.add(block);
      return block;
    }
  }

  /** The projections of queries, keys and values: three maps, or one fused map. */
  private List<Linear> projections(String attention, List<String> names) {
    if (names.size() == 1) {
      long out = (heads + 2L * keyValueHeads) * head;
      return List.of(linear(attention, names.get(0), Role.QUERY_KEY_VALUE, hidden, out));
    }
    long keys = (long) keyValueHeads * head;
    return List.of(
        linear(attention, names.get(0), Role.QUERY, hidden, (long) heads * head),
        linear(attention, names.get(1), Role.KEY, hidden, keys),
        linear(attention, names.get(2), Role.VALUE, hidden, keys));
  }

  private Linear linear(String owner, String name, Role role, long in, long out) {
    return weights.linear(owner + "." + name, role, in, out, spec.transposed);
  }

  private Norm norm(String name, long dimension) {
    return weights.norm(name, dimension, !spec.norm.rms(), epsilon);
  }

  private Activation activation(FeedForwardSpec network) {
    String name = config.text(network.activation(), network.usualActivation());
    try {
      return Activation.named(name);
    } catch (IllegalArgumentException e) {
      throw new UnsupportedModelException(
          config.error(network.activation(), name, String.valueOf(e.getMessage())));
    }
  }

  private double dropout(@Nullable String field) {
    return field == null ? 0 : config.dropout(field);
  }
}
