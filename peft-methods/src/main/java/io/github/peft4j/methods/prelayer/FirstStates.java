package io.github.peft4j.methods.prelayer;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.Sequence;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * [P; x], with n trainable vectors P [n, d] before the sequence x (B, T, d). It leaves the number
 * of virtual tokens that x has already, those of other adapters.
 */
final class FirstStates extends TunerLayer<InputSite.Tokens, Sequence>
    implements InputSite.Prepending {

  private final Trainable states;

  /** What may be left, by value. Arrays of a pass would be freed before the layers read them. */
  private final Map<Long, NDArray> counts = new ConcurrentHashMap<>();

  /**
   * Creates the vectors.
   *
   * @param initial initial value of P
   */
  FirstStates(NDArray initial) {
    this.states = trainable(States.KEY, initial);
  }

  @Override
  public long virtualTokens() {
    return states.value().getShape().get(0);
  }

  @Override
  public String whyOneTextPerRow() {
    return "PreLayer puts virtual tokens in front of a row";
  }

  @Override
  public Sequence forward(InputSite.Tokens tokens, Forward<InputSite.Tokens, Sequence> base) {
    Sequence after = base.forward(tokens);
    base.context().leave(this, counts.computeIfAbsent(after.prompt().count(), FirstStates::kept));
    return after.prepend(states.value());
  }

  private static NDArray kept(long count) {
    return Scope.release(Tensors.scalar(count));
  }

  @Override
  public void close() {
    super.close();
    counts.values().forEach(NDArray::close);
    counts.clear();
  }
}
