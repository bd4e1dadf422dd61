package io.github.peft4j.tuner;

/**
 * One computation of a model: what a site does, with or without adapters.
 *
 * @param <I> what goes in
 * @param <O> what comes out
 */
@FunctionalInterface
public interface Forward<I, O> {

  /** Computes the output. */
  O forward(I input);
}
