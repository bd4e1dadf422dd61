package io.github.peft4j.generate;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.generate.logits.Draft;
import java.time.Duration;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.IntToLongFunction;

/** How texts are made from scores of next tokens. It holds the texts of one generation. */
interface DecodingStrategy {

  /** Whether a text is not finished yet. */
  boolean isOpen();

  /** The texts so far, by row of the batch. */
  List<Draft> drafts();

  /** What processors change: the logits (B, V) of next tokens, or scores made from them. */
  default NDArray scores(NDArray logits) {
    return logits;
  }

  /**
   * Chooses the next tokens.
   *
   * @param scores (B, V), after the processors
   * @param room the number of positions that the model has left for a row
   * @param known takes the next tokens as soon as they are known, and which rows were open before
   */
  Choice choose(NDArray scores, IntToLongFunction room, BiConsumer<long[], boolean[]> known);

  /** The finished texts, prompt by prompt. */
  List<Generation> texts(Duration time);
}
