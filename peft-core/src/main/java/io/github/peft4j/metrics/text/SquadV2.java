package io.github.peft4j.metrics.text;

import io.github.peft4j.metrics.Inputs;
import io.github.peft4j.metrics.Report;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * Metrics of answers, as the script of SQuAD 2.0 computes them. Questions may have no answer.
 *
 * @param all of all questions
 * @param hasAnswer of the questions that have an answer; of 0 questions if none has
 * @param noAnswer of the questions that have none; of 0 questions if all have one
 * @param bestExact the best exact match that a threshold gives, in percent
 * @param bestExactThreshold the threshold of the best exact match
 * @param bestF1 the best F1 that a threshold gives, in percent
 * @param bestF1Threshold the threshold of the best F1
 */
public record SquadV2(
    Part all,
    Part hasAnswer,
    Part noAnswer,
    double bestExact,
    double bestExactThreshold,
    double bestF1,
    double bestF1Threshold)
    implements Report {

  /**
   * The metrics of some questions.
   *
   * @param exact how many predictions are an answer when normalised, in percent; NaN of no
   *     questions
   * @param f1 the mean F1 of words, in percent; NaN of no questions
   * @param total the number of questions
   */
  public record Part(double exact, double f1, int total) {}

  /**
   * Metrics of predictions.
   *
   * @param answers for each question, the answers that are right; none if it has no answer
   * @param predictions the predicted answers; empty if none was predicted
   * @return the metrics
   * @throws IllegalArgumentException if there are no questions, or not as many as predictions
   */
  public static SquadV2 of(List<List<String>> answers, List<String> predictions) {
    return of(answers, predictions, new double[predictions.size()], 1);
  }

  /**
   * Metrics of predictions that come with a probability that there is no answer.
   *
   * @param answers for each question, the answers that are right; none if it has no answer
   * @param predictions the predicted answers; empty if none was predicted
   * @param noAnswerProbabilities how probable it is that a question has no answer
   * @param threshold above this probability, no answer counts as predicted
   * @return the metrics
   * @throws IllegalArgumentException if there are no questions, not as many as predictions and
   *     probabilities, or a probability that is not a number
   */
  public static SquadV2 of(
      List<List<String>> answers,
      List<String> predictions,
      double[] noAnswerProbabilities,
      double threshold) {
    int n = Inputs.sameLength("rows of answers", answers.size(), "predictions", predictions.size());
    Inputs.sameLength("predictions", n, "probabilities", noAnswerProbabilities.length);
    Inputs.finite("noAnswerProbabilities", noAnswerProbabilities);
    double[] exact = new double[n];
    double[] f1 = new double[n];
    for (int i = 0; i < n; i++) {
      String prediction = predictions.get(i);
      List<String> right = withWords(answers.get(i));
      exact[i] = Answers.best(right, answer -> Answers.exact(answer, prediction));
      f1[i] = Answers.best(right, answer -> Answers.f1(answer, prediction));
    }
    IntPredicate has = i -> !answers.get(i).isEmpty();
    IntPredicate none = i -> noAnswerProbabilities[i] > threshold;
    double[] exactThen = withThreshold(exact, none, has);
    double[] f1Then = withThreshold(f1, none, has);
    Best bestExact = best(exact, predictions, noAnswerProbabilities, has);
    Best bestF1 = best(f1, predictions, noAnswerProbabilities, has);
    return new SquadV2(
        part(exactThen, f1Then, i -> true),
        part(exactThen, f1Then, has),
        part(exactThen, f1Then, has.negate()),
        bestExact.score,
        bestExact.threshold,
        bestF1.score,
        bestF1.threshold);
  }

  /** Answers of articles and punctuation alone are none. */
  private static List<String> withWords(List<String> answers) {
    List<String> left =
        answers.stream().filter(answer -> !Answers.normalize(answer).isEmpty()).toList();
    return left.isEmpty() ? List.of("") : left;
  }

  private static double[] withThreshold(double[] scores, IntPredicate none, IntPredicate has) {
    return IntStream.range(0, scores.length)
        .mapToDouble(i -> !none.test(i) ? scores[i] : has.test(i) ? 0 : 1)
        .toArray();
  }

  private static Part part(double[] exact, double[] f1, IntPredicate question) {
    int[] indices = IntStream.range(0, exact.length).filter(question).toArray();
    return new Part(percent(exact, indices), percent(f1, indices), indices.length);
  }

  private static double percent(double[] scores, int[] indices) {
    return 100 * Arrays.stream(indices).mapToDouble(i -> scores[i]).sum() / indices.length;
  }

  private record Best(double score, double threshold) {}

  /** Tries each probability as the threshold: what is not above it keeps its score. */
  private static Best best(
      double[] scores, List<String> predictions, double[] probabilities, IntPredicate has) {
    double current = IntStream.range(0, scores.length).filter(has.negate()).count();
    Best best = new Best(current, 0);
    int[] order =
        IntStream.range(0, scores.length)
            .boxed()
            .sorted(Comparator.comparingDouble(i -> probabilities[i]))
            .mapToInt(i -> i)
            .toArray();
    for (int i : order) {
      current += has.test(i) ? scores[i] : predictions.get(i).isEmpty() ? 0 : -1;
      if (current > best.score) {
        best = new Best(current, probabilities[i]);
      }
    }
    return new Best(100 * best.score / scores.length, best.threshold);
  }

  /**
   * {@code exact}, {@code f1} and {@code total}; {@code HasAns_} and {@code NoAns_} of the same, if
   * there are such questions; {@code best_exact}, {@code best_exact_thresh}, {@code best_f1} and
   * {@code best_f1_thresh}. Scores are in percent.
   */
  @Override
  public Map<String, Double> values() {
    Map<String, Double> values = new LinkedHashMap<>();
    put(values, "", all);
    put(values, "HasAns_", hasAnswer);
    put(values, "NoAns_", noAnswer);
    values.put("best_exact", bestExact);
    values.put("best_exact_thresh", bestExactThreshold);
    values.put("best_f1", bestF1);
    values.put("best_f1_thresh", bestF1Threshold);
    return values;
  }

  private static void put(Map<String, Double> values, String prefix, Part part) {
    if (part.total > 0) {
      values.put(prefix + "exact", part.exact);
      values.put(prefix + "f1", part.f1);
      values.put(prefix + "total", (double) part.total);
    }
  }
}
