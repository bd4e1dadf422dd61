package io.github.peft4j.translate;

import ai.djl.util.StringPair;
import io.github.peft4j.data.TextPair;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.transformer.AdaptedModel;
import java.util.Arrays;
import java.util.List;

/**
 * A translator for scoring pairs of texts with DJL's {@code Predictor}. It takes and gives what
 * DJL's own {@code CrossEncoderTranslator} does: an array of one score. That translator gives
 * sigmoids by default; for those, take {@link TextScorer#sigmoid}.
 */
public final class CrossEncoderTranslator extends AnsweringTranslator<StringPair, float[]> {

  /**
   * Creates a translator that gives the model's numbers as they are.
   *
   * @param model the predictor's block
   * @param tokenizer the model's tokenizer
   * @throws IllegalArgumentException if the model is for another task
   */
  public CrossEncoderTranslator(AdaptedModel model, Tokenizer tokenizer) {
    this(model, new TextScorer(model, tokenizer));
  }

  /**
   * Creates a translator.
   *
   * @param model the predictor's block
   * @param scorer a scorer of this model
   */
  public CrossEncoderTranslator(AdaptedModel model, TextScorer scorer) {
    super(model, pairs -> scores(scorer, pairs));
  }

  private static List<float[]> scores(TextScorer scorer, List<StringPair> pairs) {
    double[] scores =
        scorer.scores(
            pairs.stream().map(pair -> new TextPair(pair.getKey(), pair.getValue())).toList());
    return Arrays.stream(scores).mapToObj(score -> new float[] {(float) score}).toList();
  }
}
