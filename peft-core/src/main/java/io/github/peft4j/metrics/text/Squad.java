package io.github.peft4j.metrics.text;

import io.github.peft4j.metrics.Report;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Metrics of answers, as the script of SQuAD 1.1 computes them. Every question has an answer.
 *
 * @param exactMatch how many predictions are an answer when normalised, in percent
 * @param f1 the mean F1 of words, in percent
 * @param total the number of questions
 */
public record Squad(double exactMatch, double f1, int total) implements Report {

  /**
   * Metrics of predictions. Of several right answers, the best counts.
   *
   * @param answers for each question, one or more answers that are right
   * @param predictions the predicted answers
   * @return the metrics
   * @throws IllegalArgumentException if there are no questions, not as many as predictions, or one
   *     without an answer
   */
  public static Squad of(List<List<String>> answers, List<String> predictions) {
    References.check("answers", answers, predictions);
    double exact = 0;
    double f1 = 0;
    for (int i = 0; i < predictions.size(); i++) {
      String prediction = predictions.get(i);
      exact += Answers.best(answers.get(i), answer -> Answers.exact(answer, prediction));
      f1 += Answers.best(answers.get(i), answer -> Answers.f1OfWords(answer, prediction));
    }
    int total = predictions.size();
    return new Squad(100 * exact / total, 100 * f1 / total, total);
  }

  /** {@code exact_match} and {@code f1}, both in percent. */
  @Override
  public Map<String, Double> values() {
    Map<String, Double> values = new LinkedHashMap<>();
    values.put("exact_match", exactMatch);
    values.put("f1", f1);
    return values;
  }
}
