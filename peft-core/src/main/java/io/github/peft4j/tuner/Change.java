package io.github.peft4j.tuner;

/**
 * One adapter's change of a computation.
 *
 * @param <I> what goes in
 * @param <O> what comes out
 */
@FunctionalInterface
public interface Change<I, O> {

  /**
   * Computes the output with this change.
   *
   * @param base the computation without it
   */
  O forward(I input, Forward<I, O> base);
}
