package io.github.peft4j.translate;

import io.github.peft4j.data.TextPair;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.transformer.AdaptedModel;

/**
 * Lets DJL's {@code Predictor} classify pairs of texts, as {@link TextClassificationTranslator}
 * lets it classify texts.
 */
public final class PairClassificationTranslator extends ClassificationTranslator<TextPair> {

  /**
   * Creates a translator.
   *
   * @param model the predictor's block
   * @param tokenizer of the model
   * @throws IllegalArgumentException if the model does not classify texts
   */
  public PairClassificationTranslator(AdaptedModel model, Tokenizer tokenizer) {
    super(model, tokenizer);
  }

  @Override
  EncodedExample encode(TextClassifier classifier, TextPair pair) {
    return classifier.encode(pair);
  }
}
