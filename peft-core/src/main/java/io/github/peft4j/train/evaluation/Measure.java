package io.github.peft4j.train.evaluation;

import io.github.peft4j.TextModel;
import io.github.peft4j.data.Dataset;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/** Numbers that an evaluation gives in addition to the loss. */
public interface Measure {

  /** The names of the numbers. */
  List<String> names();

  /**
   * The numbers by name, in the order in which they are shown.
   *
   * @param evaluation what was predicted
   */
  Map<String, Double> of(Evaluation evaluation);

  /**
   * Whether the predictions are needed. They are kept in Java's memory until the end of the
   * evaluation. A language model's logits over its vocabulary are too many for that: a measure of
   * its texts generates them with the model.
   */
  default boolean needsPredictions() {
    return true;
  }

  /** Whether a smaller number is better; by default a larger one is. */
  default boolean isLowerBetter(String name) {
    return false;
  }

  /**
   * A model on a data set.
   *
   * @param model the model with the adapters of the evaluation
   * @param examples the data set
   * @param predictions in the order of the data set; none if nobody needs them
   */
  record Evaluation(TextModel model, Dataset<?> examples, List<Prediction> predictions) {}

  /**
   * A measure of one number, of which more is better.
   *
   * @param function the number, given the predictions. An exception that it throws ends the
   *     training; it then names the measure
   */
  static Measure of(String name, ToDoubleFunction<List<Prediction>> function) {
    return new Measure() {
      @Override
      public List<String> names() {
        return List.of(name);
      }

      @Override
      public Map<String, Double> of(Evaluation evaluation) {
        try {
          return Map.of(name, function.applyAsDouble(evaluation.predictions()));
        } catch (RuntimeException e) {
          throw new IllegalArgumentException("measure '%s' failed: %s".formatted(name, e), e);
        }
      }
    };
  }
}
