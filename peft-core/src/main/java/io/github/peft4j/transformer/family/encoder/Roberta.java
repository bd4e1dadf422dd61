package io.github.peft4j.transformer.family.encoder;

import io.github.peft4j.transformer.block.AbsolutePositions.Counting;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.EncoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.PositionSpec;
import io.github.peft4j.transformer.family.StackSpec;

/**
 * RoBERTa (Liu et al. 2019, arXiv:1907.11692): BERT, whose positions count the tokens that are not
 * padding and begin after the id of padding. XLM-RoBERTa and CamemBERT are the same.
 */
public final class Roberta {

  /** The family. */
  public static final Family FAMILY =
      Family.of("roberta", EncoderHeads.roberta("Roberta"), Roberta::stack);

  private Roberta() {}

  private static StackSpec stack(ModelConfig config, String body) {
    String padding = "pad_token_id";
    return behindPadding(
        Bert.stack(config, body), config, config.has(padding) ? config.tokenId(padding) : 1);
  }

  /** A stack whose positions behave like RoBERTa's, with this id of padding. */
  static StackSpec behindPadding(StackSpec stack, ModelConfig config, long padding) {
    String entries = "max_position_embeddings";
    PositionSpec.Learned positions =
        new PositionSpec.Learned(
            Bert.POSITIONS.formatted(stack.name()),
            config.size(entries),
            Math.toIntExact(padding + 1),
            Counting.NOT_PADDING);
    if (positions.limit() < 1) {
      throw config.error(
          entries, positions.entries(), "more than the id of padding and one, " + (padding + 1));
    }
    return stack.embedding(stack.embedding().positions(positions)).limit(positions.limit());
  }
}
