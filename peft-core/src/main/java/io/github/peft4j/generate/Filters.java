package io.github.peft4j.generate;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * What sampling leaves out. Each filter sets weights to 0; weights are probabilities up to a common
 * factor. Equal weights are kept or left out together.
 */
final class Filters {

  private Filters() {}

  /** The config's filters, in the order of Hugging Face transformers. */
  static void apply(GenerationConfig config, double[] weights) {
    double topP = config.get(Setting.TOP_P);
    double minP = config.get(Setting.MIN_P);
    double typicalP = config.get(Setting.TYPICAL_P);
    if (topP < 1) {
      topP(weights, topP);
    }
    if (minP > 0) {
      minP(weights, minP);
    }
    if (typicalP < 1) {
      typicalP(weights, typicalP);
    }
  }

  /** Keeps the fewest largest weights whose sum reaches p of the total. */
  static void topP(double[] weights, double p) {
    double[] sorted = weights.clone();
    Arrays.sort(sorted);
    double mass = p * Arrays.stream(weights).sum();
    int lowest = sorted.length;
    double sum = 0;
    while (lowest > 0 && sum < mass) {
      sum += sorted[--lowest];
    }
    keepFrom(weights, sorted[lowest]);
  }

  /** Keeps weights of at least p times the largest. */
  static void minP(double[] weights, double p) {
    keepFrom(weights, p * Arrays.stream(weights).max().orElse(0));
  }

  private static void keepFrom(double[] weights, double lowest) {
    for (int i = 0; i < weights.length; i++) {
      weights[i] = weights[i] < lowest ? 0 : weights[i];
    }
  }

  /**
   * Keeps the fewest weights whose sum reaches p of the total, those first whose information -log
   * (w / total) is closest to the entropy.
   */
  static void typicalP(double[] weights, double p) {
    double total = Arrays.stream(weights).sum();
    double[] information = new double[weights.length];
    double entropy = 0;
    for (int i = 0; i < weights.length; i++) {
      information[i] = -Math.log(weights[i] / total);
      entropy += weights[i] > 0 ? weights[i] / total * information[i] : 0;
    }
    double[] distance = new double[weights.length];
    for (int i = 0; i < weights.length; i++) {
      distance[i] = Math.abs(information[i] - entropy);
    }
    int[] order =
        IntStream.range(0, weights.length)
            .boxed()
            .sorted(Comparator.comparingDouble(i -> distance[i]))
            .mapToInt(Integer::intValue)
            .toArray();
    int last = 0;
    double sum = weights[order[0]];
    while (last < order.length - 1 && sum < p * total) {
      sum += weights[order[++last]];
    }
    double farthest = distance[order[last]];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = distance[i] > farthest ? 0 : weights[i];
    }
  }
}
