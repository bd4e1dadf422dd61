package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;

/** What holds for one whole run of a model. */
public interface Run {

  /** Whether the model's own dropout is on. */
  boolean isTraining();

  /** The value of this run, computed before the first layer. */
  NDArray value(Shared shared);
}
