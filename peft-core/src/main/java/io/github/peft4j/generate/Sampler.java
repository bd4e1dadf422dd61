package io.github.peft4j.generate;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Tensors;
import java.util.SplittableRandom;

/**
 * Draws the next token of each row from softmax(logits / temperature), cut by {@link Filters}. With
 * topK, the k most likely tokens are found on the device, so that only those are copied to Java.
 */
final class Sampler implements TokenChooser {

  private final GenerationConfig config;
  private final SplittableRandom[] random;

  /** A sampler of this many rows. Each row draws from a random sequence of its own. */
  Sampler(GenerationConfig config, int rows) {
    this.config = config;
    this.random = new SplittableRandom[rows];
    long seed = config.get(Setting.SEED);
    SplittableRandom others = new SplittableRandom(seed);
    for (int i = 0; i < rows; i++) {
      random[i] = i == 0 ? new SplittableRandom(seed) : others.split();
    }
  }

  @Override
  public long[] next(NDArray logits) {
    int k = config.get(Setting.TOP_K);
    return k == 0 || k >= logits.getShape().get(1) ? fromAll(logits) : fromBest(logits, k);
  }

  private long[] fromAll(NDArray logits) {
    int vocabulary = Math.toIntExact(logits.getShape().get(1));
    float[] all = Tensors.floats(logits);
    long[] drawn = new long[random.length];
    for (int row = 0; row < drawn.length; row++) {
      drawn[row] = draw(all, row * vocabulary, vocabulary, config, random[row].nextDouble());
    }
    return drawn;
  }

  private long[] fromBest(NDArray logits, int k) {
    Best best = Best.of(logits, k);
    long[] drawn = new long[random.length];
    float[] scores = new float[k];
    for (int row = 0; row < drawn.length; row++) {
      for (int rank = 0; rank < k; rank++) {
        scores[rank] = best.score(row, rank);
      }
      drawn[row] = best.place(row, draw(scores, 0, k, config, random[row].nextDouble()));
    }
    return drawn;
  }

  /**
   * Draws an element of a row of logits.
   *
   * @param start index of the row's first element in {@code logits}
   * @param width number of elements in the row
   * @param uniform a random number in [0, 1)
   * @return an index in the row
   */
  static int draw(float[] logits, int start, int width, GenerationConfig config, double uniform) {
    double[] weights = weights(logits, start, width, config);
    double total = 0;
    for (double weight : weights) {
      total += weight;
    }
    return draw(weights, uniform * total);
  }

  /** The elements' probabilities, up to a common factor; 0 for those that are cut off. */
  static double[] weights(float[] logits, int start, int width, GenerationConfig config) {
    double highest = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < width; i++) {
      highest = Math.max(highest, logits[start + i]);
    }
    double[] weights = new double[width];
    double temperature = config.get(Setting.TEMPERATURE);
    double total = 0;
    for (int i = 0; i < width; i++) {
      weights[i] = Math.exp((logits[start + i] - highest) / temperature);
      total += weights[i];
    }
    if (!(total > 0 && total < Double.POSITIVE_INFINITY)) {
      throw TokenChooser.noToken();
    }
    Filters.apply(config, weights);
    return weights;
  }

  private static int draw(double[] weights, double target) {
    double sum = 0;
    int last = 0;
    for (int i = 0; i < weights.length; i++) {
      if (weights[i] > 0) {
        last = i; // Rounding may put the target above the sum: then the last token with a weight is
        // taken.
        sum += weights[i];
        if (target < sum) {
          return i;
        }
      }
    }
    return last;
  }
}
