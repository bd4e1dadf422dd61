package io.github.peft4j.composition;

import io.github.peft4j.tuner.Computation;
import io.github.peft4j.tuner.ForwardContext;
import org.jspecify.annotations.Nullable;

/**
 * A computation that is done once for one input, whoever asks for it, and anew for every other:
 * adapters side by side share what the frozen model computes.
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
