package io.github.peft4j.metrics.retrieval;

import io.github.peft4j.metrics.Inputs;
import java.util.List;
import java.util.stream.IntStream;

/** Similarities of rows of vectors. */
final class Vectors {

  private Vectors() {}

  /** The similarity of each vector to the one beside it. */
  static double[] pairwise(
      String first, List<float[]> a, String second, List<float[]> b, Similarity similarity) {
    int n = Inputs.sameLength(first, a.size(), second, b.size());
    return IntStream.range(0, n).mapToDouble(i -> similarity.of(a.get(i), b.get(i))).toArray();
  }
}
