package io.github.peft4j.generate.logits;

import ai.djl.ndarray.NDArray;
import java.util.List;

/**
 * Changes the logits of next tokens before one is chosen, like {@code LogitsProcessor} of Hugging
 * Face transformers.
 *
 * <p>A processor is shared by all generations that use it, which may run in several threads, and
 * beam search moves texts from row to row. The result should therefore depend on the arguments
 * only.
 */
@FunctionalInterface
public interface LogitsProcessor {

  /**
   * Computes new logits.
   *
   * @param drafts the texts so far, one for each row of the logits. Their ids are in Java: reading
   *     them does not wait for a GPU
   * @param logits (B, V), float32, on the model's device. Beam search passes the logarithms of
   *     probabilities instead
   * @return the new logits (B, V), or {@code logits} itself. Minus infinity bans a token. Arrays
   *     that the processor makes are freed after the token has been chosen
   */
  NDArray process(List<Draft> drafts, NDArray logits);

  /** A processor that bans tokens, row by row. Ids that the vocabulary lacks are ignored. */
  static LogitsProcessor banning(Ban ban) {
    return new Banning(ban);
  }
}
