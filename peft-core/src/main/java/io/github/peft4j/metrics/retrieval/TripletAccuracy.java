package io.github.peft4j.metrics.retrieval;

import io.github.peft4j.metrics.Report;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * How often a text is more similar to the one that belongs to it than to another one, as
 * sentence-transformers' {@code TripletEvaluator} computes it.
 *
 * @param similarity how similarity is computed
 * @param accuracy the fraction of triplets, from 0 to 1
 */
public record TripletAccuracy(Similarity similarity, double accuracy) implements Report {

  /**
   * The accuracy of triplets of vectors.
   *
   * @param anchors the vectors of the texts
   * @param positives the vectors of those that belong to them
   * @param negatives the vectors of those that do not
   * @param similarity how similarity is computed
   * @param margin how much more similar the positive must be, 0 for any
   * @return the accuracy
   * @throws IllegalArgumentException if there are no triplets, not as many of the three, or values
   *     that are not numbers
   */
  public static TripletAccuracy of(
      List<float[]> anchors,
      List<float[]> positives,
      List<float[]> negatives,
      Similarity similarity,
      double margin) {
    double[] near = Vectors.pairwise("anchors", anchors, "positives", positives, similarity);
    double[] far = Vectors.pairwise("anchors", anchors, "negatives", negatives, similarity);
    double accuracy =
        IntStream.range(0, near.length)
            .mapToDouble(i -> near[i] > far[i] + margin ? 1 : 0)
            .average()
            .orElseThrow();
    return new TripletAccuracy(similarity, accuracy);
  }

  /** {@code accuracy} behind the name of the similarity: {@code cosine_accuracy}. */
  @Override
  public Map<String, Double> values() {
    return Map.of(similarity + "_accuracy", accuracy);
  }
}
