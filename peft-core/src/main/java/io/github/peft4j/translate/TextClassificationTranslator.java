package io.github.peft4j.translate;

import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.transformer.AdaptedModel;

/**
 * Lets DJL's {@code Predictor} classify texts. {@code predict} takes one; {@code batchPredict} pads
 * all it is given into one batch: for very many texts, {@link TextClassifier} is sparing.
 */
public final class TextClassificationTranslator extends ClassificationTranslator<String> {

  /**
   * Creates a translator.
   *
   * @param model the predictor's block
   * @param tokenizer of the model
   * @throws IllegalArgumentException if the model does not classify texts
   */
  public TextClassificationTranslator(AdaptedModel model, Tokenizer tokenizer) {
    super(model, tokenizer);
  }

  @Override
  EncodedExample encode(TextClassifier classifier, String text) {
    return classifier.encode(text);
  }
}
