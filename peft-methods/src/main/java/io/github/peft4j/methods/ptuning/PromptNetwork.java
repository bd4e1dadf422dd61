package io.github.peft4j.methods.ptuning;

import ai.djl.ndarray.NDArray;

/** What makes a prompt out of trained vectors: (n, d) → (n, d). */
interface PromptNetwork {

  /** The start of the keys of its tensors. */
  String KEY = "prompt_encoder.";

  NDArray forward(NDArray embedding, boolean training);
}
