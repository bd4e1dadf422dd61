package io.github.peft4j.translate;

import ai.djl.modality.Classifications;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.transformer.AdaptedModel;
import java.util.List;

/**
 * A translator for filling masks with DJL's {@code Predictor}. It takes and gives what DJL's own
 * {@code FillMaskTranslator} does: a text with one mask, and the likeliest tokens as classes.
 */
public final class FillMaskTranslator extends AnsweringTranslator<String, Classifications> {

  /**
   * Creates a translator with the defaults of {@link MaskFiller}.
   *
   * @param model the predictor's block
   * @param tokenizer the model's tokenizer
   * @throws IllegalArgumentException if the model is for another task
   */
  public FillMaskTranslator(AdaptedModel model, Tokenizer tokenizer) {
    this(model, new MaskFiller(model, tokenizer));
  }

  /**
   * Creates a translator.
   *
   * @param model the predictor's block
   * @param filler what fills the masks, with this model
   */
  public FillMaskTranslator(AdaptedModel model, MaskFiller filler) {
    super(
        model,
        texts -> filler.fillEachOnce(texts).stream().map(FillMaskTranslator::classes).toList());
  }

  private static Classifications classes(List<Filling> fillings) {
    return new Classifications(
        fillings.stream().map(Filling::token).toList(),
        fillings.stream().map(Filling::score).toList());
  }
}
