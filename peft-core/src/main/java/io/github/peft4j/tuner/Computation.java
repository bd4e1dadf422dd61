package io.github.peft4j.tuner;

/**
 * One computation of a model: what a site does in a forward pass, with or without adapters.
 *
 * @param <I> what goes in
 * @param <O> what comes out
 */
@FunctionalInterface
public interface Computation<I, O> {

  /** Computes the output. */
  O forward(I input, ForwardContext context);
}
