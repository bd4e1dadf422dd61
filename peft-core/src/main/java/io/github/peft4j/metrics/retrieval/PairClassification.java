package io.github.peft4j.metrics.retrieval;

import io.github.peft4j.metrics.Classification;
import io.github.peft4j.metrics.ConfusionMatrix;
import io.github.peft4j.metrics.Inputs;
import io.github.peft4j.metrics.Ranking;
import io.github.peft4j.metrics.Report;
import io.github.peft4j.metrics.ZeroDivision;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * How well similarity tells pairs that belong together from others, with the best threshold, as
 * sentence-transformers' {@code BinaryClassificationEvaluator} computes it. Thresholds of distances
 * are distances: pairs at most that far apart belong together.
 *
 * @param similarity how similarity is computed
 * @param accuracy the best accuracy, from 0 to 1
 * @param accuracyThreshold the threshold of the best accuracy
 * @param f1 the best F1, from 0 to 1
 * @param f1Threshold the threshold of the best F1; 0 if F1 is 0
 * @param precision the precision at the best F1
 * @param recall the recall at the best F1
 * @param averagePrecision the average precision, from 0 to 1
 * @param matthews Matthews' correlation at the best F1, from -1 to 1
 */
public record PairClassification(
    Similarity similarity,
    double accuracy,
    double accuracyThreshold,
    double f1,
    double f1Threshold,
    double precision,
    double recall,
    double averagePrecision,
    double matthews)
    implements Report {

  /**
   * Metrics of pairs of vectors.
   *
   * @param first the vectors of the first texts
   * @param second the vectors of the second texts
   * @param labels whether the texts of a pair belong together
   * @param similarity how similarity is computed
   * @return the metrics
   * @throws IllegalArgumentException if there are no pairs, not as many of the three, or values
   *     that are not numbers
   */
  public static PairClassification of(
      List<float[]> first, List<float[]> second, boolean[] labels, Similarity similarity) {
    double[] scores =
        Vectors.pairwise("first vectors", first, "second vectors", second, similarity);
    Inputs.sameLength("pairs", scores.length, "labels", labels.length);
    int[] order = Ranking.descending(scores);
    int positives = (int) IntStream.range(0, labels.length).filter(i -> labels[i]).count();
    Best best = new Best(scores.length, positives, Math.nextUp(scores[order[0]]));
    int right = 0;
    for (int i = 0; i < order.length; i++) {
      right += labels[order[i]] ? 1 : 0;
      double score = scores[order[i]];
      boolean last = i + 1 == order.length;
      if (last || score != scores[order[i + 1]]) {
        best.consider(i + 1, right, last ? score : between(score, scores[order[i + 1]]));
      }
    }
    return best.metrics(similarity, labels, scores);
  }

  /** The middle of two scores, or the upper one if there is none. */
  private static double between(double upper, double lower) {
    double middle = (upper + lower) / 2;
    return middle == lower ? upper : middle;
  }

  /** The best thresholds so far. At first, no pair belongs together. */
  private static final class Best {
    private final int pairs;
    private final int positives;
    private double accuracy;
    private double accuracyThreshold;
    private double f1;
    private double f1Threshold;
    private double precision;
    private double recall;

    Best(int pairs, int positives, double threshold) {
      this.pairs = pairs;
      this.positives = positives;
      this.accuracy = (double) (pairs - positives) / pairs;
      this.accuracyThreshold = threshold;
    }

    void consider(int predicted, int right, double threshold) {
      double accuracyHere = (double) (right + pairs - positives - (predicted - right)) / pairs;
      if (accuracyHere > accuracy) {
        accuracy = accuracyHere;
        accuracyThreshold = threshold;
      }
      if (right == 0) {
        return;
      }
      double precisionHere = (double) right / predicted;
      double recallHere = (double) right / positives;
      double f1Here = 2 * precisionHere * recallHere / (precisionHere + recallHere);
      if (f1Here > f1) {
        f1 = f1Here;
        f1Threshold = threshold;
        precision = precisionHere;
        recall = recallHere;
      }
    }

    PairClassification metrics(Similarity similarity, boolean[] labels, double[] scores) {
      ConfusionMatrix matrix = new ConfusionMatrix(2);
      for (int i = 0; i < pairs; i++) {
        matrix.add(labels[i] ? 1 : 0, scores[i] >= f1Threshold ? 1 : 0);
      }
      double sign = similarity.isDistance() ? -1 : 1;
      return new PairClassification(
          similarity,
          accuracy,
          sign * accuracyThreshold,
          f1,
          sign * f1Threshold + 0.0,
          precision,
          recall,
          Ranking.averagePrecision(labels, scores),
          new Classification(matrix, ZeroDivision.ZERO).matthews());
    }
  }

  /**
   * {@code accuracy}, {@code accuracy_threshold}, {@code f1}, {@code f1_threshold}, {@code
   * precision}, {@code recall}, {@code ap} and {@code mcc}, behind the name of the similarity:
   * {@code cosine_accuracy}.
   */
  @Override
  public Map<String, Double> values() {
    Map<String, Double> values = new LinkedHashMap<>();
    values.put(similarity + "_accuracy", accuracy);
    values.put(similarity + "_accuracy_threshold", accuracyThreshold);
    values.put(similarity + "_f1", f1);
    values.put(similarity + "_f1_threshold", f1Threshold);
    values.put(similarity + "_precision", precision);
    values.put(similarity + "_recall", recall);
    values.put(similarity + "_ap", averagePrecision);
    values.put(similarity + "_mcc", matthews);
    return values;
  }
}
