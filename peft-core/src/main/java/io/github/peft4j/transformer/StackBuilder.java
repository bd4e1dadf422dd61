package io.github.peft4j.transformer;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.LinearSite.Role;
import io.github.peft4j.tuner.SublayerSite;
import io.github.peft4j.tuner.SublayerSite.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Builds a {@link Stack} out of its spec, a config file and a checkpoint. */
final class StackBuilder {

  private static final List<Role> SEPARATE = List.of(Role.QUERY, Role.KEY, Role.VALUE);

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
    this.hidden = config.size(spec.hiddenSize);
    this.heads = config.size(spec.heads);
    this.keyValueHeads = config.integer("num_key_value_heads", heads);
    this.head = headDimension();
    this.epsilon = config.number(spec.epsilon, 1e-6);
    this.dropout = dropout(spec.hiddenDropout);
  }

  private int headDimension() {
    if (config.has(spec.headDimension)) {
      return config.size(spec.headDimension);
    }
    if (hidden % heads != 0) {
      throw config.error(spec.heads, heads, "a divisor of " + spec.hiddenSize + " " + hidden);
    }
    return hidden / heads;
  }

  /**
   * Builds the stack.
   *
   * @param tokens the token embedding of another stack that this one reads as well, or null
   */
  Stack build(@Nullable Embedding tokens) {
    spec.superfluous.forEach(weights::ignore);
    RotaryEmbedding rotary =
        spec.rotary ? new RotaryEmbedding(RotaryEmbedding.frequencies(config, head), head) : null;
    InputEmbedding embedding = embedding(tokens);
    List<TransformerLayer> layers = new ArrayList<>();
    for (int i = 0; i < config.size(spec.depth); i++) {
      layers.add(layer(i, rotary));
    }
    return new Stack(
        spec.name(),
        embedding,
        spec.relativePositions == null ? null : relativePositions(spec.relativePositions),
        layers,
        spec.finalNorm == null ? null : norm(spec.named(spec.finalNorm), hidden),
        rotary,
        spec.causal,
        dropout(spec.finalDropout));
  }

  private InputEmbedding embedding(@Nullable Embedding tokens) {
    String positions = config.has("n_positions") ? "n_positions" : "max_position_embeddings";
    return new InputEmbedding(
        spec.name(),
        tokens == null ? table(spec.tokens, "vocab_size") : tokens,
        tokens == null,
        spec.ownTokens,
        spec.relativePositions != null,
        spec.positions == null ? null : table(spec.positions, positions),
        spec.positionOffset,
        spec.types == null ? null : table(spec.types, "type_vocab_size"),
        spec.embeddingNorm == null ? null : norm(spec.named(spec.embeddingNorm), hidden),
        spec.embeddingDropout == null ? dropout : dropout(spec.embeddingDropout));
  }

  private Embedding table(String name, String entries) {
    return weights.embedding(spec.named(name), config.size(entries), hidden);
  }

  private RelativePositions relativePositions(String name) {
    int buckets = config.integer("relative_attention_num_buckets", 32);
    return new RelativePositions(
        weights.embedding(spec.named(name), buckets, heads),
        config.integer("relative_attention_max_distance", 128),
        !spec.causal);
  }

  private TransformerLayer layer(int index, @Nullable RotaryEmbedding rotary) {
    String name = spec.named(spec.layers) + "." + index;
    List<NamedBlock> parts = new ArrayList<>();
    List<Sublayer> sublayers = new ArrayList<>();

    Attention self =
        attention(name, spec.attention, spec.attentionOutput, index, rotary, spec.queryKeyNorm);
    List<Norm> selfNorms = norms(name, spec.attentionNorms);
    parts.add(self);
    parts.addAll(selfNorms);
    sublayers.add(
        sublayer(
            site(self.name(), Kind.ATTENTION, index, name + "." + spec.attentionAdapters),
            self::forward,
            selfNorms));

    if (spec.crossAttention != null) {
      Attention cross =
          attention(name, spec.crossAttention, spec.crossAttentionOutput, index, null, List.of());
      List<Norm> crossNorms = norms(name, spec.crossAttentionNorms);
      parts.add(cross);
      parts.addAll(crossNorms);
      sublayers.add(
          sublayer(
              site(
                  cross.name(),
                  Kind.CROSS_ATTENTION,
                  index,
                  name + "." + spec.crossAttentionAdapters),
              cross::forward,
              crossNorms));
    }

    int inner = config.integer(spec.intermediateSize, 4 * hidden);
    Linear gate = spec.gate == null ? null : linear(name, spec.gate, Role.GATE, hidden, inner);
    Linear up = linear(name, spec.up, Role.UP, hidden, spec.fusedGate ? 2L * inner : inner);
    Linear down = linear(name, spec.down, Role.DOWN, inner, hidden);
    FeedForward feedForward =
        new FeedForward(
            gate,
            up,
            down,
            Activation.named(config.text(spec.activation, spec.usualActivation)),
            spec.fusedGate,
            dropout(spec.feedForwardDropout));
    List<Norm> feedForwardNorms = norms(name, spec.feedForwardNorms);
    parts.addAll(feedForwardNorms);
    Stream.of(gate, up, down).filter(Objects::nonNull).forEach(parts::add);
    sublayers.add(
        sublayer(
            site(
                name + ".feed_forward",
                Kind.FEED_FORWARD,
                index,
                name + "." + spec.feedForwardAdapters),
            feedForward::forward,
            feedForwardNorms));
    return new TransformerLayer(name, parts, sublayers);
  }

  /** Attention over the sequence itself, or over an encoder's output. */
  private Attention attention(
      String layer,
      String name,
      String output,
      int index,
      @Nullable RotaryEmbedding rotary,
      List<String> queryKeyNorm) {
    String whole = layer + "." + name;
    List<Linear> projections = new ArrayList<>();
    if (spec.projections.size() == 1) {
      long out = (heads + 2L * keyValueHeads) * head;
      projections.add(linear(whole, spec.projections.get(0), Role.QUERY_KEY_VALUE, hidden, out));
    } else {
      for (int i = 0; i < SEPARATE.size(); i++) {
        long out = (long) (i == 0 ? heads : keyValueHeads) * head;
        projections.add(linear(whole, spec.projections.get(i), SEPARATE.get(i), hidden, out));
      }
    }
    return new Attention(
        whole,
        spec.name(),
        index,
        new Attention.Shape(
            heads, keyValueHeads, head, spec.scale.apply(index), dropout(spec.attentionDropout)),
        projections,
        linear(layer, output, Role.ATTENTION_OUTPUT, (long) heads * head, hidden),
        rotary,
        queryKeyNorm.stream().map(n -> norm(whole + "." + n, head)).toList(),
        name.equals(spec.crossAttention));
  }

  private SublayerSite site(String name, Kind kind, int index, String adapterModule) {
    return new SublayerSite(name, kind, spec.name(), index, hidden, adapterModule);
  }

  private Sublayer sublayer(
      SublayerSite site, BiFunction<NDArray, Pass, NDArray> function, List<Norm> norms) {
    return switch (spec.placement) {
      case PRE -> new Sublayer(site, function, norms.get(0), null, null, dropout);
      case POST -> new Sublayer(site, function, null, null, norms.get(0), dropout);
      case SANDWICH -> new Sublayer(site, function, norms.get(0), norms.get(1), null, dropout);
    };
  }

  private Linear linear(String owner, String name, Role role, long in, long out) {
    return weights.linear(owner + "." + name, role, in, out, spec.transposed);
  }

  private List<Norm> norms(String layer, List<String> names) {
    return names.stream().map(n -> norm(layer + "." + n, hidden)).toList();
  }

  private Norm norm(String name, long dimension) {
    return weights.norm(name, dimension, !spec.rms, epsilon);
  }

  private double dropout(@Nullable String field) {
    return field == null ? 0 : config.number(field, 0);
  }
}
