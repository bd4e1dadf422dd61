package io.github.peft4j.methods.ipt;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.ForwardContext;

/** Makes the prompts (B, n, d) of the texts of a pass. */
interface PromptSource {

  NDArray prompts(ForwardContext context, boolean training);
}
