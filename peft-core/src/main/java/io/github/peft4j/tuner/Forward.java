package io.github.peft4j.tuner;

/**
 * A computation bound to the current forward pass: the {@code base} of a layer.
 *
 * @param computation the computation
 * @param context of the pass
 * @param <I> the input
 * @param <O> the output
 */
public record Forward<I, O>(Computation<I, O> computation, ForwardContext context) {

  /** Computes the output. */
  public O forward(I input) {
    return computation.forward(input, context);
  }
}
