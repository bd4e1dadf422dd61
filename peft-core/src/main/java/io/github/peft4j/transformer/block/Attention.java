package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.transformer.pass.KeyValueCache;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.transformer.rope.RotaryEmbedding;
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

  private final QueryKeyValue projections;
  private final Linear output;
  private final @Nullable RotaryEmbedding rotary;
  private final @Nullable DisentangledScores disentangled;
  private final Scores scores;
  private final ScaledDotProduct product;
  private final ScaledDotProduct trainingProduct;
  private final @Nullable DecodingStep step;
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
    this.product = new ScaledDotProduct(heads, scores, 0);
    this.trainingProduct = new ScaledDotProduct(heads, scores, scores.dropout());
    this.keys = name + ".key";
    this.values = name + ".value";
    this.site = publish(new AttentionSite(name, place, heads, projections::project, this::attend));
    boolean plain = scores.cap() == null && disentangled == null;
    this.step =
        place.cross() ? null : new DecodingStep(site, projections, output, rotary, product, plain);
  }

  public NDArray forward(NDArray x, Pass pass) {
    if (site.place().cross()) {
      return output.forward(site.forward(overMemory(x, pass), pass), pass);
    }
    KeyValueCache.Room room = pass.room(keys, values);
    if (room != null && step != null) {
      NDArray whole = step.output(x, room, scores.window(), pass);
      if (whole != null) {
        return whole;
      }
      List<NDArray> projected = projections.unsplit(x, pass);
      NDArray attended = step.attended(x, projected, room, scores.window(), pass);
      return attended != null
          ? output.forward(attended, pass)
          : attended(x, step.written(projected, room, pass), pass);
    }
    return attended(x, projected(x, pass), pass);
  }

  private NDArray attended(NDArray x, List<NDArray> projected, Pass pass) {
    return output.forward(site.forward(overItself(x, projected, pass), pass), pass);
  }

  private AttentionSite.Input overItself(NDArray x, List<NDArray> projected, Pass pass) {
    NDArray q = projected.get(0);
    NDArray k = projected.get(1);
    NDArray v = projected.get(2);
    DisentangledScores terms = disentangled;
    if (terms != null) {
      NDArray bias = terms.add(pass.explicitBias(x, scores.window()), q, k, pass);
      return new AttentionSite.Input(x, q, k, v, bias, false, null, null);
    }
    int window = scores.window();
    if (scores.cap() != null) { // the kernel of capped scores always has a bias
      NDArray bias = pass.explicitBias(x, window);
      return new AttentionSite.Input(x, q, k, v, bias, false, pass.window(window), null);
    }
    AttentionSite.Texts texts = pass.apart(x, window);
    if (texts != null) {
      return new AttentionSite.Input(x, q, k, v, null, pass.isCausal(), pass.window(window), texts);
    }
    boolean plain = pass.isPlainlyCausal(window);
    NDArray bias = plain ? null : pass.bias(x, window);
    return new AttentionSite.Input(x, q, k, v, bias, plain, pass.window(window), null);
  }

  /** Queries of x with their positions, and all keys and values so far. */
  private List<NDArray> projected(NDArray x, Pass pass) {
    List<NDArray> all = projections.project(x, pass);
    return List.of(
        turn(all.get(0), pass),
        pass.cached(keys, turn(all.get(1), pass)),
        pass.cached(values, all.get(2)));
  }

  private AttentionSite.Input overMemory(NDArray x, Pass pass) {
    NDArray k = once(keys, pass, () -> projections.key(pass.memory(), pass));
    NDArray v = once(values, pass, () -> projections.value(pass.memory(), pass));
    NDArray q = projections.query(x, pass);
    return new AttentionSite.Input(x, q, k, v, pass.memoryBias(), false, null, null);
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
