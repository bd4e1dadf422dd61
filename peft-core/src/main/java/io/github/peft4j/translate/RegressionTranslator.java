package io.github.peft4j.translate;

import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.transformer.AdaptedModel;
import java.util.Collection;
import java.util.Map;

/**
 * A translator for giving texts numbers with DJL's {@code Predictor}: an array with the numbers of
 * the model, which is one as a rule. For pairs of texts, take {@link CrossEncoderTranslator}.
 */
public final class RegressionTranslator extends AnsweringTranslator<String, float[]> {

  /**
   * Creates a translator that gives the model's numbers as they are.
   *
   * @param model the predictor's block
   * @param tokenizer the model's tokenizer
   * @throws IllegalArgumentException if the model is for another task
   */
  public RegressionTranslator(AdaptedModel model, Tokenizer tokenizer) {
    this(model, new TextScorer(model, tokenizer));
  }

  /**
   * Creates a translator.
   *
   * @param model the predictor's block
   * @param scorer a scorer of this model
   */
  public RegressionTranslator(AdaptedModel model, TextScorer scorer) {
    super(
        model,
        texts ->
            scorer.values(texts).stream()
                .map(Map::values)
                .map(RegressionTranslator::numbers)
                .toList());
  }

  private static float[] numbers(Collection<Double> values) {
    float[] numbers = new float[values.size()];
    int next = 0;
    for (double value : values) {
      numbers[next++] = (float) value;
    }
    return numbers;
  }
}
