package io.github.peft4j.methods.ptuning;

import ai.djl.ndarray.NDArray;

/** Computes a prompt from trainable vectors: (n, d) → (n, d). */
interface PromptNetwork {

  /** The prefix of the keys of its tensors. */
  String KEY = "prompt_encoder.";

  NDArray forward(NDArray embedding, boolean training);
}
