package io.github.peft4j.composition;

import io.github.peft4j.tuner.Computation;
import io.github.peft4j.tuner.ForwardContext;
import org.jspecify.annotations.Nullable;

/**
 * A computation that caches its output for one given input, so that several parts share the frozen
 * model's output. Other inputs are computed each time.
 */
final class Memoized<I, O> implements Computation<I, O> {

  private final I input;
  private final Computation<I, O> computation;
  private @Nullable O output;

  Memoized(I input, Computation<I, O> computation) {
    this.input = input;
    this.computation = computation;
  }

  @Override
  public O forward(I asked, ForwardContext context) {
    if (asked != input) {
      return computation.forward(asked, context);
    }
    O known = output;
    if (known == null) {
      known = computation.forward(input, context);
      output = known;
    }
    return known;
  }
}
