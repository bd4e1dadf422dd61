package io.github.peft4j.tuner;

/**
 * One adapter's change of a computation.
 *
 * @param <I> the input
 * @param <O> the output
 */
@FunctionalInterface
public interface Change<I, O> {

  /**
   * Computes the output with this change.
   *
   * @param base the computation without the change
   */
  O forward(I input, Forward<I, O> base);
}
