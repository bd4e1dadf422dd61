package io.github.peft4j.train.embedding;

import io.github.peft4j.metrics.retrieval.RetrievalMetrics;
import io.github.peft4j.metrics.retrieval.RetrievalMetrics.Cutoffs;
import io.github.peft4j.metrics.retrieval.Similarity;
import io.github.peft4j.train.evaluation.Measure;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * How well queries find their documents, as sentence-transformers' {@code
 * InformationRetrievalEvaluator}: {@code accuracy@k}, {@code precision@k}, {@code recall@k}, {@code
 * ndcg@10}, {@code mrr@10}, {@code map@100}.
 *
 * @param queries the texts that search
 * @param documents the texts that are searched
 * @param relevant for each query, the indices of its documents, from 0; one at least
 * @param similarity how similarity is computed
 * @param cutoffs the cutoffs k of each metric
 */
public record RetrievalMeasure(
    List<String> queries,
    List<String> documents,
    List<Set<Integer>> relevant,
    Similarity similarity,
    Cutoffs cutoffs)
    implements Measure {

  /** Copies the lists. */
  public RetrievalMeasure {
    queries = List.copyOf(queries);
    documents = List.copyOf(documents);
    relevant = relevant.stream().map(Set::copyOf).toList();
  }

  /** By cosines, with sentence-transformers' cutoffs. */
  public RetrievalMeasure(
      List<String> queries, List<String> documents, List<Set<Integer>> relevant) {
    this(queries, documents, relevant, Similarity.COSINE, Cutoffs.standard());
  }

  @Override
  public List<String> names() {
    return Stream.of(
            names("accuracy", cutoffs.accuracy()),
            names("precision", cutoffs.precisionRecall()),
            names("recall", cutoffs.precisionRecall()),
            names("ndcg", cutoffs.ndcg()),
            names("mrr", cutoffs.mrr()),
            names("map", cutoffs.map()))
        .flatMap(names -> names)
        .toList();
  }

  private static Stream<String> names(String metric, List<Integer> cutoffs) {
    return cutoffs.stream().map(k -> metric + "@" + k);
  }

  @Override
  public Map<String, Double> of(Evaluation evaluation) {
    return RetrievalMetrics.of(
            Sources.vectors(evaluation, queries),
            Sources.vectors(evaluation, documents),
            relevant,
            similarity,
            cutoffs)
        .values();
  }

  @Override
  public boolean needsPredictions() {
    return false;
  }

  @Override
  public String toString() {
    return "retrieval of %d documents by %d queries".formatted(documents.size(), queries.size());
  }
}
