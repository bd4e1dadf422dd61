package io.github.peft4j.metrics.retrieval;

import io.github.peft4j.metrics.Inputs;
import io.github.peft4j.metrics.Report;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;

/**
 * How well queries find their documents, as sentence-transformers' {@code
 * InformationRetrievalEvaluator} computes it: means over queries, by name.
 *
 * @param values the numbers: for each cutoff k, {@code accuracy@k} is how often a relevant document
 *     is among the first k, {@code precision@k} and {@code recall@k} how many are, {@code mrr@k}
 *     the reciprocal rank of the first, {@code ndcg@k} the discounted gain over the best possible
 *     one, {@code map@k} the average precision
 */
public record RetrievalMetrics(Map<String, Double> values) implements Report {

  /**
   * The cutoffs of each metric.
   *
   * @param accuracy of accuracy
   * @param precisionRecall of precision and recall
   * @param mrr of the mean reciprocal rank
   * @param ndcg of the normalised discounted cumulative gain
   * @param map of the mean average precision
   */
  public record Cutoffs(
      List<Integer> accuracy,
      List<Integer> precisionRecall,
      List<Integer> mrr,
      List<Integer> ndcg,
      List<Integer> map) {

    /**
     * The cutoffs of each metric.
     *
     * @param accuracy of accuracy
     * @param precisionRecall of precision and recall
     * @param mrr of the mean reciprocal rank
     * @param ndcg of the normalised discounted cumulative gain
     * @param map of the mean average precision
     * @throws IllegalArgumentException if a cutoff is below 1, or named twice
     */
    public Cutoffs {
      for (List<Integer> cutoffs : List.of(accuracy, precisionRecall, mrr, ndcg, map)) {
        for (int k : cutoffs) {
          if (k < 1) {
            throw new IllegalArgumentException("cutoff " + k + ", expected 1 or more");
          }
        }
        if (new HashSet<>(cutoffs).size() < cutoffs.size()) {
          throw new IllegalArgumentException("cutoffs " + cutoffs + ", expected each once");
        }
      }
    }

    /**
     * Those of sentence-transformers: 1, 3, 5, 10; 10 of MRR and NDCG; 100 of MAP.
     *
     * @return the cutoffs
     */
    public static Cutoffs standard() {
      List<Integer> small = List.of(1, 3, 5, 10);
      return new Cutoffs(small, small, List.of(10), List.of(10), List.of(100));
    }

    private int largest() {
      return List.of(accuracy, precisionRecall, mrr, ndcg, map).stream()
          .flatMap(List::stream)
          .mapToInt(k -> k)
          .max()
          .orElse(1);
    }
  }

  /**
   * The numbers by name.
   *
   * @param values the numbers by name; copied
   */
  public RetrievalMetrics {
    values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
  }

  /**
   * Metrics of vectors. Of documents that are as similar, the first is found first.
   *
   * @param queries the vectors of the queries
   * @param documents the vectors of the documents
   * @param relevant for each query, the indices of its documents
   * @param similarity how similarity is computed
   * @param cutoffs the cutoffs of each metric
   * @return the metrics
   * @throws IllegalArgumentException if there are no queries or documents, not as many queries as
   *     sets, a set that is empty or has an index out of range, or values that are not numbers
   */
  public static RetrievalMetrics of(
      List<float[]> queries,
      List<float[]> documents,
      List<Set<Integer>> relevant,
      Similarity similarity,
      Cutoffs cutoffs) {
    Inputs.sameLength("queries", queries.size(), "sets of documents", relevant.size());
    Inputs.notEmpty("documents", documents.size());
    for (Set<Integer> indices : relevant) {
      indices.forEach(index -> Inputs.inRange("document", index, documents.size()));
    }
    int most = Math.min(cutoffs.largest(), documents.size());
    return of(
        queries.stream().map(query -> nearest(query, documents, similarity, most)).toList(),
        relevant,
        cutoffs);
  }

  private record Found(int index, double score) {}

  /** The indices of the most similar documents, from the nearest on. */
  private static List<Integer> nearest(
      float[] query, List<float[]> documents, Similarity similarity, int most) {
    Comparator<Found> order =
        Comparator.comparingDouble(Found::score).reversed().thenComparingInt(Found::index);
    PriorityQueue<Found> found = new PriorityQueue<>(most + 1, order.reversed());
    for (int i = 0; i < documents.size(); i++) {
      found.add(new Found(i, similarity.of(query, documents.get(i))));
      if (found.size() > most) {
        found.remove();
      }
    }
    return found.stream().sorted(order).map(Found::index).toList();
  }

  /**
   * Metrics of what was found.
   *
   * @param found for each query, documents from the best on; they may end before a cutoff
   * @param relevant for each query, its documents
   * @param cutoffs the cutoffs of each metric
   * @param <T> what documents are known by
   * @return the metrics
   * @throws IllegalArgumentException if there are no queries, not as many lists as sets, a query
   *     without a relevant document, or one that found a document twice
   */
  public static <T> RetrievalMetrics of(
      List<List<T>> found, List<Set<T>> relevant, Cutoffs cutoffs) {
    int queries =
        Inputs.sameLength("lists of documents", found.size(), "sets of documents", relevant.size());
    Map<String, Double> sums = new LinkedHashMap<>();
    for (int i = 0; i < queries; i++) {
      if (relevant.get(i).isEmpty()) {
        throw new IllegalArgumentException(
            "query %d has no relevant document, expected one at least; leave it out".formatted(i));
      }
      if (new HashSet<>(found.get(i)).size() < found.get(i).size()) {
        throw new IllegalArgumentException("query " + i + " found a document twice");
      }
      add(new Hits<>(found.get(i), relevant.get(i)), cutoffs, sums);
    }
    sums.replaceAll((name, sum) -> sum / queries);
    return new RetrievalMetrics(sums);
  }

  private static <T> void add(Hits<T> hits, Cutoffs cutoffs, Map<String, Double> sums) {
    cutoffs.accuracy.forEach(k -> add(sums, "accuracy@", k, hits.among(k) > 0 ? 1 : 0));
    cutoffs.precisionRecall.forEach(k -> add(sums, "precision@", k, (double) hits.among(k) / k));
    cutoffs.precisionRecall.forEach(
        k -> add(sums, "recall@", k, (double) hits.among(k) / hits.relevant.size()));
    cutoffs.ndcg.forEach(k -> add(sums, "ndcg@", k, hits.ndcg(k)));
    cutoffs.mrr.forEach(k -> add(sums, "mrr@", k, hits.reciprocalRank(k)));
    cutoffs.map.forEach(k -> add(sums, "map@", k, hits.averagePrecision(k)));
  }

  private static void add(Map<String, Double> sums, String name, int k, double value) {
    sums.merge(name + k, value, Double::sum);
  }

  /** What one query found. */
  private record Hits<T>(List<T> found, Set<T> relevant) {

    /** Whether the document of a rank, from 1, is relevant. */
    boolean is(int rank) {
      return rank <= found.size() && relevant.contains(found.get(rank - 1));
    }

    int among(int k) {
      int hits = 0;
      for (int rank = 1; rank <= Math.min(k, found.size()); rank++) {
        hits += is(rank) ? 1 : 0;
      }
      return hits;
    }

    double reciprocalRank(int k) {
      for (int rank = 1; rank <= Math.min(k, found.size()); rank++) {
        if (is(rank)) {
          return 1.0 / rank;
        }
      }
      return 0;
    }

    double ndcg(int k) {
      double gain = 0;
      double ideal = 0;
      for (int rank = 1; rank <= Math.min(k, Math.max(found.size(), relevant.size())); rank++) {
        double discounted = Math.log(2) / Math.log(rank + 1);
        gain += is(rank) ? discounted : 0;
        ideal += rank <= relevant.size() ? discounted : 0;
      }
      return gain / ideal;
    }

    double averagePrecision(int k) {
      double sum = 0;
      int hits = 0;
      for (int rank = 1; rank <= Math.min(k, found.size()); rank++) {
        if (is(rank)) {
          hits++;
          sum += (double) hits / rank;
        }
      }
      return sum / Math.min(k, relevant.size());
    }
  }
}
