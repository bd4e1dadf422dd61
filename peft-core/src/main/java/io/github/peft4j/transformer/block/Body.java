package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import java.util.List;

/** A model without its head: one stack, or an encoder and a decoder. */
public interface Body {

  /**
   * The start of texts to be generated, one row for each.
   *
   * @param source ids for the encoder; empty if there is no encoder
   * @param texts ids from which the decoder continues, at least one per row
   */
  record Opening(List<long[]> source, List<long[]> texts) {}

  /** Computes the last hidden state (B, T, D), which the head reads. */
  NDArray forward(ModelInput input, Pass pass);

  /** Decides how prompts are consumed: a decoder continues them, an encoder reads them. */
  Opening open(List<long[]> prompts, ModelConfig config);

  /**
   * The input ids of an encoder-decoder's decoder in training.
   *
   * @param labels [B][U], {@link LossTargets#IGNORED} for tokens without a label
   * @throws UnsupportedOperationException if there is no encoder
   */
  long[][] shiftRight(long[][] labels, ModelConfig config);

  /** The stacks, an encoder before a decoder. */
  List<Stack> stacks();
}
