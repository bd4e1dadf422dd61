package io.github.peft4j.translate;

import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.transformer.AdaptedModel;

/**
 * A translator for classifying texts with DJL's {@code Predictor}. {@code predict} takes one text.
 * {@code batchPredict} pads all texts into one batch; for many texts, {@link TextClassifier} takes
 * less memory.
 */
public final class TextClassificationTranslator extends ClassificationTranslator<String> {

  /**
   * Creates a translator.
   *
   * @param model the predictor's block
   * @param tokenizer the model's tokenizer
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
