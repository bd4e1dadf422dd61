package io.github.peft4j.transformer.family;

import io.github.peft4j.withers.Withers;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.IntFunction;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * One stack of a model as data: its parts, with names of modules and values out of the config.
 *
 * @param name the stack's name, such as {@code model} or {@code encoder}
 * @param prefix of the names of layers and of the final norm, with its dot; or empty
 * @param causal whether a token attends only to itself and those before it
 * @param embedding what comes before the layers
 * @param scoreBias what is added to attention scores in all layers, or null
 * @param limit number of positions that a text may have
 * @param layer the spec of each layer, by index
 * @param norm the kind of all norms
 * @param finalNorm name of the norm after the layers, relative to the prefix; or null
 * @param dropout probability after the final norm, in training
 * @param projection name of the map without a bias from the hidden size to the embedding's, after
 *     the final norm, relative to the prefix; or null
 * @param transposed whether linear weights of the layers are stored as [in, out]
 * @param ignored full names of tensors in older checkpoints that the model does not need
 */
@Withers
public record StackSpec(
    String name,
    String prefix,
    Sizes sizes,
    boolean causal,
    EmbeddingSpec embedding,
    @Nullable ScoreBiasSpec scoreBias,
    long limit,
    IntFunction<LayerSpec> layer,
    NormSpec norm,
    @Nullable String finalNorm,
    double dropout,
    @Nullable String projection,
    boolean transposed,
    List<String> ignored)
    implements StackSpecWithers {

  /** The limit of stacks whose positions have none. */
  public static final long UNLIMITED = 1_000_000;

  /**
   * A causal stack.
   *
   * @param name of the stack, which with a dot is the prefix of its names
   */
  public static StackSpec of(
      String name,
      Sizes sizes,
      EmbeddingSpec embedding,
      IntFunction<LayerSpec> layer,
      NormSpec norm,
      @Nullable String finalNorm) {
    return new StackSpec(
        name,
        name.isEmpty() ? "" : name + ".",
        sizes,
        true,
        embedding,
        null,
        embedding.positions() == null ? UNLIMITED : embedding.positions().limit(),
        layer,
        norm,
        finalNorm,
        0,
        null,
        false,
        List.of());
  }

  /** The size of the stack's outputs. */
  public int outputSize() {
    return projection == null ? sizes.hidden() : embedding.dimension();
  }

  /** A copy whose layers are changed, by index. */
  public StackSpec eachLayer(BiFunction<Integer, LayerSpec, LayerSpec> change) {
    IntFunction<LayerSpec> before = layer;
    return layer(i -> change.apply(i, before.apply(i)));
  }

  /** A copy whose layers' self-attention is changed, by index. */
  public StackSpec eachAttention(BiFunction<Integer, AttentionSpec, AttentionSpec> change) {
    return eachLayer((i, spec) -> spec.attention(change.apply(i, spec.attention())));
  }

  /** A copy whose layers' feed-forward network is changed. */
  public StackSpec eachFeedForward(UnaryOperator<FeedForwardSpec> change) {
    return eachLayer((i, spec) -> spec.feedForward(change.apply(spec.feedForward())));
  }
}
