package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;

/** What holds for one whole run of a model. */
public interface Run {

  /** Whether the model's own dropout is on. */
  boolean isTraining();

  /** Whether queries may see nothing at all: padding on the left of a stack that is causal. */
  boolean isBlind();

  /** The value of this run, computed before the first layer. */
  NDArray value(Shared shared);
}
