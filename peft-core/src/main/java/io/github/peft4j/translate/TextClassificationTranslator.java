package io.github.peft4j.translate;

import ai.djl.modality.Classifications;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.transformer.AdaptedModel;
import io.github.peft4j.transformer.config.Task;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * A translator for classifying texts with DJL's {@code Predictor}. It takes and gives what DJL's
 * own {@code TextClassificationTranslator} does: a text, and the probability of each class. If a
 * text may have several labels, each probability is between 0 and 1 for itself.
 */
public final class TextClassificationTranslator
    extends AnsweringTranslator<String, Classifications> {

  /**
   * Creates a translator.
   *
   * @param model the predictor's block
   * @param tokenizer the model's tokenizer
   * @throws IllegalArgumentException if the model does not classify texts
   */
  public TextClassificationTranslator(AdaptedModel model, Tokenizer tokenizer) {
    super(model, answers(model, tokenizer));
  }

  private static Function<List<String>, List<Classifications>> answers(
      AdaptedModel model, Tokenizer tokenizer) {
    if (model.base().task().problem() == Task.Problem.MULTI_LABEL) {
      TextScorer scorer = new TextScorer(model, tokenizer);
      return texts ->
          scorer.values(texts).stream().map(TextClassificationTranslator::classes).toList();
    }
    return new TextClassifier(model, tokenizer)::classify;
  }

  private static Classifications classes(Map<String, Double> labels) {
    return new Classifications(List.copyOf(labels.keySet()), new ArrayList<>(labels.values()));
  }
}
