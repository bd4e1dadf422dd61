package io.github.peft4j.metrics.retrieval;

import io.github.peft4j.metrics.Correlation;
import io.github.peft4j.metrics.Report;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How similarities of pairs go with scores that people gave, as sentence-transformers' {@code
 * EmbeddingSimilarityEvaluator} computes it.
 *
 * @param similarity how similarity is computed
 * @param pearson Pearson's correlation, from -1 to 1; NaN if all scores or similarities are the
 *     same
 * @param spearman Spearman's correlation, from -1 to 1; NaN as Pearson's
 */
public record SimilarityMetrics(Similarity similarity, double pearson, double spearman)
    implements Report {

  /**
   * Metrics of pairs of vectors.
   *
   * @param first the vectors of the first texts
   * @param second the vectors of the second texts
   * @param scores how similar each pair is
   * @param similarity how similarity is computed
   * @return the metrics
   * @throws IllegalArgumentException if there are fewer than two pairs, not as many of the three,
   *     or values that are not numbers
   */
  public static SimilarityMetrics of(
      List<float[]> first, List<float[]> second, double[] scores, Similarity similarity) {
    double[] similarities =
        Vectors.pairwise("first vectors", first, "second vectors", second, similarity);
    return new SimilarityMetrics(
        similarity,
        Correlation.pearson(scores, similarities),
        Correlation.spearman(scores, similarities));
  }

  /** {@code pearson_} and {@code spearman_} with the name of the similarity. */
  @Override
  public Map<String, Double> values() {
    Map<String, Double> values = new LinkedHashMap<>();
    values.put("pearson_" + similarity, pearson);
    values.put("spearman_" + similarity, spearman);
    return values;
  }
}
