package io.github.peft4j.metrics.retrieval;

import io.github.peft4j.metrics.Inputs;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * How similar two vectors are, as sentence-transformers computes it. More is always more similar:
 * distances are negative.
 */
public enum Similarity {
  /** The cosine of the angle, from -1 to 1; 0 if a vector is 0. */
  COSINE {
    @Override
    double compute(float[] a, float[] b) {
      return dot(a, b) / (norm(a) * norm(b));
    }
  },
  /** The dot product. */
  DOT {
    @Override
    double compute(float[] a, float[] b) {
      return dot(a, b);
    }
  },
  /** The negative Euclidean distance. */
  EUCLIDEAN {
    @Override
    double compute(float[] a, float[] b) {
      return -Math.sqrt(
          IntStream.range(0, a.length)
              .mapToDouble(i -> a[i] - (double) b[i])
              .map(d -> d * d)
              .sum());
    }
  },
  /** The negative sum of absolute differences. */
  MANHATTAN {
    @Override
    double compute(float[] a, float[] b) {
      return -IntStream.range(0, a.length)
          .mapToDouble(i -> a[i] - (double) b[i])
          .map(Math::abs)
          .sum();
    }
  };

  /** Vectors shorter than this are divided by this: PyTorch's {@code normalize}. */
  private static final double LEAST_NORM = 1e-12;

  abstract double compute(float[] a, float[] b);

  /**
   * The similarity of two vectors.
   *
   * @param a the first vector
   * @param b the second vector
   * @return the similarity
   * @throws IllegalArgumentException if the vectors are empty, differ in length or have a value
   *     that is not a number
   */
  public double of(float[] a, float[] b) {
    Inputs.sameLength("values of the first vector", a.length, "of the second", b.length);
    double similarity = compute(a, b);
    if (!Double.isFinite(similarity)) {
      throw new IllegalArgumentException(
          "the %s similarity of two vectors is %s, expected vectors of numbers"
              .formatted(this, similarity));
    }
    return similarity;
  }

  /** Whether sentence-transformers' thresholds are distances, which this negates. */
  boolean isDistance() {
    return this == EUCLIDEAN || this == MANHATTAN;
  }

  private static double dot(float[] a, float[] b) {
    return IntStream.range(0, a.length).mapToDouble(i -> (double) a[i] * b[i]).sum();
  }

  private static double norm(float[] a) {
    return Math.max(Math.sqrt(dot(a, a)), LEAST_NORM);
  }

  /**
   * sentence-transformers' name.
   *
   * @return the name, such as {@code cosine}
   */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
