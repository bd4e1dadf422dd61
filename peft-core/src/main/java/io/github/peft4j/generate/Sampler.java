package io.github.peft4j.generate;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tensors;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Chooses the next token of each row. The most likely token, or the k most likely, are found on the
 * device, so that only those are copied to Java.
 */
final class Sampler {

  private static final Kernel LIKELIEST =
      Kernel.of(
          """
          def likeliest(logits: Tensor) -> Tensor:               # (B, V) → (B)
              return torch.argmax(logits, -1)
          """);
  private static final Kernel TOP_K =
      Kernel.of(
          """
          def top_k(logits: Tensor, k: Tensor) -> List[Tensor]:  # (B, V) → (B, k) values and ids
              values, ids, = torch.topk(logits.to(6), int(k))
              return [values, ids]
          """);

  private final GenerationConfig config;
  private final SplittableRandom[] random;

  /** A sampler of this many rows. Each row draws from a random sequence of its own. */
  Sampler(GenerationConfig config, int rows) {
    this.config = config;
    this.random = new SplittableRandom[rows];
    SplittableRandom others = new SplittableRandom(config.seed());
    for (int i = 0; i < rows; i++) {
      random[i] = i == 0 ? new SplittableRandom(config.seed()) : others.split();
    }
  }

  /** The next token of each row of logits (B, V). */
  long[] next(NDArray logits) {
    if (config.isGreedy()) {
      return LIKELIEST.call(logits).toLongArray();
    }
    int vocabulary = Math.toIntExact(logits.getShape().get(1));
    if (config.topK() == 0 || config.topK() >= vocabulary) {
      return draw(Tensors.floats(logits), null, vocabulary);
    }
    NDList top = TOP_K.callForAll(logits, Tensors.scalar(config.topK()));
    return draw(Tensors.floats(top.get(0)), top.get(1).toLongArray(), config.topK());
  }

  private long[] draw(float[] logits, long @Nullable [] ids, int width) {
    long[] drawn = new long[random.length];
    for (int row = 0; row < drawn.length; row++) {
      int place = draw(logits, row * width, width, config, random[row].nextDouble());
      drawn[row] = ids == null ? place : ids[row * width + place];
    }
    return drawn;
  }

  /**
   * Draws from softmax(logits / temperature), cut to {@code topP}.
   *
   * @param start index of the row's first element in {@code logits}
   * @param width number of elements in the row
   * @param uniform a random number in [0, 1)
   * @return an index in the row
   */
  static int draw(float[] logits, int start, int width, GenerationConfig config, double uniform) {
    double highest = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < width; i++) {
      highest = Math.max(highest, logits[start + i]);
    }
    double[] weights = new double[width];
    double total = 0;
    for (int i = 0; i < width; i++) {
      weights[i] = Math.exp((logits[start + i] - highest) / config.temperature());
      total += weights[i];
    }
    if (!(total > 0 && total < Double.POSITIVE_INFINITY)) {
      throw new IllegalStateException(
          "the model's logits are not finite (highest %s): weights or adapter are broken, or too"
                  .formatted(highest)
              + " large for the precision; try Precision.FLOAT32");
    }
    double kept = config.topP() < 1 ? keepNucleus(weights, config.topP() * total) : total;
    return draw(weights, uniform * kept);
  }

  /**
   * Zeroes all but the fewest largest weights whose sum reaches {@code mass}. Equal weights are
   * kept or zeroed together.
   */
  private static double keepNucleus(double[] weights, double mass) {
    double[] sorted = weights.clone();
    Arrays.sort(sorted);
    int lowest = sorted.length;
    double sum = 0;
    while (lowest > 0 && sum < mass) {
      sum += sorted[--lowest];
    }
    double kept = 0;
    for (int i = 0; i < weights.length; i++) {
      weights[i] = weights[i] < sorted[lowest] ? 0 : weights[i];
      kept += weights[i];
    }
    return kept;
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
