package io.github.peft4j.translate;

import ai.djl.modality.Classifications;
import io.github.peft4j.data.TextPair;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.transformer.AdaptedModel;

/**
 * A translator for classifying pairs of texts with DJL's {@code Predictor}. See {@link
 * TextClassificationTranslator} for single texts.
 */
public final class PairClassificationTranslator
    extends AnsweringTranslator<TextPair, Classifications> {

  /**
   * Creates a translator.
   *
   * @param model the predictor's block
   * @param tokenizer the model's tokenizer
   * @throws IllegalArgumentException if the model does not classify texts
   */
  public PairClassificationTranslator(AdaptedModel model, Tokenizer tokenizer) {
    super(model, new TextClassifier(model, tokenizer)::classifyPairs);
  }
}
