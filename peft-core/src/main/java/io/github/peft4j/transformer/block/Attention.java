package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.transformer.pass.KeyValueCache;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.transformer.rope.RotaryEmbedding;
import io.github.peft4j.transformer.rope.Rotation;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.site.AttentionSite;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Multi-head attention (Vaswani et al. 2017) with grouped queries (Ainslie et al. 2023), rotary
 * positions or disentangled ones, a window and a cache, depending on the family: x (B, T, D) → (B,
 * T, D).
 */
public final class Attention extends NamedBlock {

  /**
   * How the scores of an attention are computed.
   *
   * @param scale factor of the scores; null for 1/√d
   * @param cap scores become cap · tanh(scores / cap); null for no cap
   * @param window number of keys that a causal query sees, itself included, or the largest distance
   *     between query and key on both sides; {@code Integer.MAX_VALUE} for no window
   * @param dropout probability with which a weight is dropped in training
   */
  public record Scores(@Nullable Double scale, @Nullable Double cap, int window, double dropout) {}

  /**
   * One call instead of one for each of its functions: in decoding, calls cost more than their
   * arithmetic. Queries, keys and values are (B, T, H·d), or have been split into heads.
   */
  private static final String STEP =
      KeyValueCache.WRITE
          + """
          def heads(x: Tensor) -> Tensor:                        # → (B, H, T, d)
              y = x
              if x.dim() == 3:
                  y = split_heads(x)
              return y
          """;
  private static final String STEP_ROTATED =
      """
      def step(q: Tensor, k: Tensor, v: Tensor, cos: Tensor, sin: Tensor, keys: Tensor, values: Tensor, start: Tensor) -> List[Tensor]:
          past = write(keys, rotate(heads(k), cos, sin), start)
          return [rotate(heads(q), cos, sin), past, write(values, heads(v), start)]
      """;
  private static final String STEP_PLAIN =
      """
      def step(q: Tensor, k: Tensor, v: Tensor, keys: Tensor, values: Tensor, start: Tensor) -> List[Tensor]:
          return [heads(q), write(keys, heads(k), start), write(values, heads(v), start)]
      """;

  private final QueryKeyValue projections;
  private final Linear output;
  private final @Nullable RotaryEmbedding rotary;
  private final @Nullable DisentangledScores disentangled;
  private final Scores scores;
  private final ScaledDotProduct product;
  private final ScaledDotProduct trainingProduct;
  private final Kernel step;
  private final String keys;
  private final String values;
  private final AttentionSite site;

  /**
   * Creates attention from its parts.
   *
   * @param place in the model; cross-attention has keys and values from the encoder's output
   * @param rotary rotates queries and keys, or null
   * @param disentangled adds terms of relative positions to scores, or null
   */
  public Attention(
      String name,
      AttentionSite.Place place,
      AttentionSite.Heads heads,
      QueryKeyValue projections,
      Linear output,
      @Nullable RotaryEmbedding rotary,
      @Nullable DisentangledScores disentangled,
      Scores scores) {
    super(name);
    this.projections = projections;
    projections.parts().forEach(this::part);
    this.output = part(output);
    this.rotary = rotary;
    this.disentangled = disentangled;
    if (disentangled != null) {
      disentangled.parts().forEach(this::part);
    }
    this.scores = scores;
    this.product = new ScaledDotProduct(heads, scores.scale(), scores.cap(), 0);
    this.trainingProduct =
        new ScaledDotProduct(heads, scores.scale(), scores.cap(), scores.dropout());
    this.step =
        Kernel.of(
            QueryKeyValue.splitting(heads)
                + (rotary == null ? STEP + STEP_PLAIN : rotary.text() + STEP + STEP_ROTATED));
    this.keys = name + ".key";
    this.values = name + ".value";
    this.site = publish(new AttentionSite(name, place, heads, projections::project, this::attend));
  }

  public NDArray forward(NDArray x, Pass pass) {
    AttentionSite.Input input = site.place().cross() ? overMemory(x, pass) : overItself(x, pass);
    return output.forward(site.forward(input, pass), pass);
  }

  private AttentionSite.Input overItself(NDArray x, Pass pass) {
    List<NDArray> projected = projected(x, pass);
    NDArray q = projected.get(0);
    NDArray k = projected.get(1);
    NDArray v = projected.get(2);
    DisentangledScores terms = disentangled;
    if (terms != null) {
      NDArray bias = terms.add(pass.explicitBias(x, scores.window()), q, k, pass);
      return new AttentionSite.Input(x, q, k, v, bias, false, null);
    }
    int window = scores.window();
    if (scores.cap() != null) { // the kernel of capped scores always has a bias
      NDArray bias = pass.explicitBias(x, window);
      return new AttentionSite.Input(x, q, k, v, bias, false, pass.window(window));
    }
    boolean plain = pass.isPlainlyCausal(window);
    NDArray bias = plain ? null : pass.bias(x, window);
    return new AttentionSite.Input(x, q, k, v, bias, plain, pass.window(window));
  }

  /** Queries of x with their positions, and all keys and values so far. */
  private List<NDArray> projected(NDArray x, Pass pass) {
    KeyValueCache.Room room = pass.room(keys, values);
    if (room == null) {
      List<NDArray> all = projections.project(x, pass);
      return List.of(
          turn(all.get(0), pass),
          pass.cached(keys, turn(all.get(1), pass)),
          pass.cached(values, all.get(2)));
    }
    List<NDArray> all = projections.unsplit(x, pass);
    if (rotary == null) {
      return step.callForAll(
          all.get(0), all.get(1), all.get(2), room.keys(), room.values(), room.start());
    }
    Rotation by = pass.rotation(rotary);
    return step.callForAll(
        all.get(0),
        all.get(1),
        all.get(2),
        by.cosine(),
        by.sine(),
        room.keys(),
        room.values(),
        room.start());
  }

  private AttentionSite.Input overMemory(NDArray x, Pass pass) {
    NDArray k = once(keys, pass, () -> projections.key(pass.memory(), pass));
    NDArray v = once(values, pass, () -> projections.value(pass.memory(), pass));
    NDArray q = projections.query(x, pass);
    return new AttentionSite.Input(x, q, k, v, pass.memoryBias(), false, null);
  }

  /** With a cache, computes an array of the encoder's output once. */
  private NDArray once(String array, Pass pass, Supplier<NDArray> make) {
    KeyValueCache cache = pass.cache();
    return cache == null ? make.get() : cache.once(array, make);
  }

  /** Rotates queries or keys by their positions. */
  private NDArray turn(NDArray x, Pass pass) {
    return rotary == null ? x : rotary.rotate(x, pass.rotation(rotary));
  }

  private NDArray attend(AttentionSite.Input in, ForwardContext context) {
    return (context.isTraining() ? trainingProduct : product)
        .attend(in, context.hasFullyMaskedQueries());
  }
}
