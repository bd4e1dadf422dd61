package io.github.peft4j.tuner;

/**
 * A computation bound to the forward pass that runs: what a layer calls {@code base}.
 *
 * @param computation what is computed
 * @param context of the pass
 * @param <I> what goes in
 * @param <O> what comes out
 */
public record Forward<I, O>(Computation<I, O> computation, ForwardContext context) {

  /** Computes the output. */
  public O forward(I input) {
    return computation.forward(input, context);
  }
}
