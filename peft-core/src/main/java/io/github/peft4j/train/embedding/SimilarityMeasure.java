package io.github.peft4j.train.embedding;

import io.github.peft4j.data.ScoredPair;
import io.github.peft4j.metrics.retrieval.Similarity;
import io.github.peft4j.metrics.retrieval.SimilarityMetrics;
import io.github.peft4j.train.evaluation.Measure;
import java.util.List;
import java.util.Map;

/**
 * How similarities of vectors go with the scores of the validation's {@link ScoredPair}s:
 * Spearman's and Pearson's correlation, as sentence-transformers' {@code
 * EmbeddingSimilarityEvaluator}.
 *
 * @param similarity how similarity is computed
 */
public record SimilarityMeasure(Similarity similarity) implements Measure {

  /** The correlation of cosines: {@code spearman_cosine} and {@code pearson_cosine}. */
  public SimilarityMeasure() {
    this(Similarity.COSINE);
  }

  @Override
  public List<String> names() {
    return List.of("pearson_" + similarity, "spearman_" + similarity);
  }

  @Override
  public Map<String, Double> of(Evaluation evaluation) {
    List<ScoredPair> pairs = Sources.of(ScoredPair.class, evaluation, this);
    return SimilarityMetrics.of(
            Sources.vectors(evaluation, pairs.stream().map(ScoredPair::first).toList()),
            Sources.vectors(evaluation, pairs.stream().map(ScoredPair::second).toList()),
            pairs.stream().mapToDouble(ScoredPair::score).toArray(),
            similarity)
        .values();
  }

  @Override
  public boolean needsPredictions() {
    return false;
  }
}
