package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import java.util.List;

/** What computes hidden states: one stack, or an encoder and a decoder. */
public interface Body {
  /** The last hidden state (B, T, D) of what the head reads. */
  NDArray forward(ModelInput input, Pass pass);

  /** What the texts that answer these prompts are written from. */
  Opening open(List<long[]> prompts, ModelConfig config);

  /** The stacks. */
  List<Stack> stacks();
}
