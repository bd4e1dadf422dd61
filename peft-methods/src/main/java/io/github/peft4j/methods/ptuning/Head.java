package io.github.peft4j.methods.ptuning;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Trainable;

/** What makes a prompt out of trained vectors: (n, d) → (n, d). */
interface Head {

  NDArray forward(NDArray embedding, boolean training);

  /** Declares a trained tensor of the head. */
  interface Declaration {
    Trainable tensor(String key, NDArray initial);
  }
}
