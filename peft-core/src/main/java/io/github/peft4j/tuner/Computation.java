package io.github.peft4j.tuner;

/**
 * One computation of a model, such as that of a site with or without adapters.
 *
 * @param <I> the input
 * @param <O> the output
 */
@FunctionalInterface
public interface Computation<I, O> {

  /** Computes the output. */
  O forward(I input, ForwardContext context);
}
