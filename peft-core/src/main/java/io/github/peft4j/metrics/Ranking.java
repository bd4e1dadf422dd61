package io.github.peft4j.metrics;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/** How well scores put what is right before what is wrong, as scikit-learn computes it. */
public final class Ranking {

  private Ranking() {}

  /** A metric of one label. */
  private interface Binary {
    double of(boolean[] labels, double[] scores);
  }

  /**
   * The area under the ROC curve: how probable it is that a right example has a higher score than a
   * wrong one. Equal scores count one half.
   *
   * @param labels whether each example is right
   * @param scores the score of each example: probabilities, logits or others
   * @return the area, from 0 to 1; NaN if all examples are right, or none is
   * @throws IllegalArgumentException if there are no examples, not as many labels as scores, or a
   *     score is not a number
   */
  public static double rocAuc(boolean[] labels, double[] scores) {
    check(labels, scores);
    double right = count(labels);
    double wrong = labels.length - right;
    double[] ranks = Ranks.of(scores);
    double sum =
        IntStream.range(0, labels.length).filter(i -> labels[i]).mapToDouble(i -> ranks[i]).sum();
    return right == 0 || wrong == 0
        ? Double.NaN
        : (sum - right * (right + 1) / 2) / (right * wrong);
  }

  /**
   * The average precision: the sum over scores, from the highest, of the precision there times what
   * is gained in recall.
   *
   * @param labels whether each example is right
   * @param scores the score of each example: probabilities, logits or others
   * @return the average precision, from 0 to 1; 0 if no example is right
   * @throws IllegalArgumentException if there are no examples, not as many labels as scores, or a
   *     score is not a number
   */
  public static double averagePrecision(boolean[] labels, double[] scores) {
    check(labels, scores);
    int[] order = descending(scores);
    double all = count(labels);
    double sum = 0;
    int right = 0;
    int rightBefore = 0;
    for (int i = 0; i < order.length; i++) {
      right += labels[order[i]] ? 1 : 0;
      boolean last = i + 1 == order.length || scores[order[i]] != scores[order[i + 1]];
      if (last && right > rightBefore) {
        sum += (right - rightBefore) / all * right / (i + 1);
        rightBefore = right;
      }
    }
    return sum;
  }

  /**
   * The examples from the highest score to the lowest; equal ones in their order.
   *
   * @param scores the score of each example
   * @return their places, from 0
   */
  public static int[] descending(double[] scores) {
    return IntStream.range(0, scores.length)
        .boxed()
        .sorted(Comparator.comparingDouble((Integer i) -> scores[i]).reversed())
        .mapToInt(i -> i)
        .toArray();
  }

  /**
   * The area under the ROC curve of several labels.
   *
   * @param labels for each example, whether it has each label: [examples][labels]
   * @param scores the scores: [examples][labels]
   * @param average how the labels' areas become one
   * @return the area, from 0 to 1; NaN if it is not defined for a label. The weighted average
   *     leaves out labels that no example has; it is 0 if there are no others.
   * @throws IllegalArgumentException if there are no examples, the shapes differ, or a score is not
   *     a number
   */
  public static double rocAuc(boolean[][] labels, double[][] scores, Average average) {
    return average(labels, scores, average, Ranking::rocAuc);
  }

  /**
   * The average precision of several labels.
   *
   * @param labels for each example, whether it has each label: [examples][labels]
   * @param scores the scores: [examples][labels]
   * @param average how the labels' precisions become one
   * @return the average precision, from 0 to 1
   * @throws IllegalArgumentException if there are no examples, the shapes differ, or a score is not
   *     a number
   */
  public static double averagePrecision(boolean[][] labels, double[][] scores, Average average) {
    return average(labels, scores, average, Ranking::averagePrecision);
  }

  /**
   * Classes as labels, one for each class: one versus the rest.
   *
   * @param labels the class of each example, from 0
   * @param classes the number of classes
   * @return for each example, whether it is of each class: [examples][classes]
   * @throws IllegalArgumentException if a class is out of range
   */
  public static boolean[][] oneVersusRest(int[] labels, int classes) {
    boolean[][] rows = new boolean[labels.length][classes];
    for (int i = 0; i < labels.length; i++) {
      rows[i][Inputs.inRange("label", labels[i], classes)] = true;
    }
    return rows;
  }

  private static double average(
      boolean[][] labels, double[][] scores, Average average, Binary metric) {
    Inputs.sameLength("rows of labels", labels.length, "rows of scores", scores.length);
    int columns = Inputs.columns("labels", MultiLabel.lengths(labels));
    Inputs.sameLength(
        "labels of a row", columns, "scores of a row", Inputs.table("scores", scores));
    if (average == Average.MICRO) {
      return metric.of(
          flat(labels), Arrays.stream(scores).flatMapToDouble(Arrays::stream).toArray());
    }
    double sum = 0;
    double weights = 0;
    for (int i = 0; i < columns; i++) {
      int column = i;
      boolean[] label = column(labels, column);
      double weight = average == Average.MACRO ? 1 : count(label);
      double value =
          metric.of(label, Arrays.stream(scores).mapToDouble(row -> row[column]).toArray());
      // Without its examples, a label's value may not be defined.
      sum += weight == 0 ? 0 : weight * value;
      weights += weight;
    }
    return weights == 0 ? 0 : sum / weights;
  }

  private static boolean[] column(boolean[][] rows, int column) {
    boolean[] values = new boolean[rows.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = rows[i][column];
    }
    return values;
  }

  private static boolean[] flat(boolean[][] rows) {
    boolean[] values = new boolean[rows.length * rows[0].length];
    for (int i = 0; i < rows.length; i++) {
      System.arraycopy(rows[i], 0, values, i * rows[0].length, rows[0].length);
    }
    return values;
  }

  private static void check(boolean[] labels, double[] scores) {
    Inputs.sameLength("labels", labels.length, "scores", scores.length);
    Inputs.finite("scores", scores);
  }

  private static int count(boolean[] labels) {
    int count = 0;
    for (boolean label : labels) {
      count += label ? 1 : 0;
    }
    return count;
  }
}
