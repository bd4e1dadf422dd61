package io.github.peft4j.metrics.retrieval;

import static io.github.peft4j.metrics.Goldens.assertReport;
import static io.github.peft4j.metrics.Goldens.booleans;
import static io.github.peft4j.metrics.Goldens.doubles;
import static io.github.peft4j.metrics.Goldens.floats;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.metrics.Goldens;
import io.github.peft4j.metrics.retrieval.RetrievalMetrics.Cutoffs;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Holds the metrics of vectors to those of sentence-transformers' evaluators. */
class RetrievalTest {

  private static final List<Integer> KS = List.of(1, 2, 5, 30);

  static Iterable<JsonObject> goldens() {
    return Goldens.cases("retrieval.json");
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void isThatOfSentenceTransformers(JsonObject golden) {
    List<float[]> vectors = new ArrayList<>();
    golden.getAsJsonArray("vectors").forEach(row -> vectors.add(floats(row)));
    int count = golden.get("count").getAsInt();
    List<float[]> a = vectors.subList(0, count);
    List<float[]> b = vectors.subList(count, 2 * count);
    List<float[]> c = vectors.subList(2 * count, 3 * count);
    List<Set<Integer>> relevant = new ArrayList<>();
    for (JsonElement row : golden.getAsJsonArray("relevant")) {
      relevant.add(Arrays.stream(Goldens.ints(row)).boxed().collect(Collectors.toSet()));
    }
    Cutoffs cutoffs = new Cutoffs(KS, KS, KS, KS, KS);
    for (Similarity similarity : Similarity.values()) {
      if (!golden.getAsJsonObject("pairs").has(similarity + "_ap")) {
        continue;
      }
      assertReport(
          golden.getAsJsonObject("similarity"),
          SimilarityMetrics.of(a, b, doubles(golden.get("gold")), similarity).values());
      assertReport(
          golden.getAsJsonObject("pairs"),
          PairClassification.of(a, b, booleans(golden.get("labels")), similarity).values());
      TripletAccuracy triplets =
          TripletAccuracy.of(a, b, c, similarity, golden.get("margin").getAsDouble());
      // float: PyTorch's mean of the triplets.
      assertThat((float) triplets.accuracy())
          .isEqualTo(golden.getAsJsonObject("triplets").get(similarity + "_accuracy").getAsFloat());
      Map<String, Double> found = new LinkedHashMap<>();
      RetrievalMetrics.of(
              a.subList(0, relevant.size()),
              vectors.subList(count, 3 * count),
              relevant,
              similarity,
              cutoffs)
          .values()
          .forEach((name, value) -> found.put(similarity + "_" + name, value));
      assertThat(found).hasSize(24);
      assertReport(golden.getAsJsonObject("retrieval"), found);
    }
  }

  @Test
  void standardCutoffsAreThoseOfSentenceTransformers() {
    RetrievalMetrics metrics =
        RetrievalMetrics.of(
            List.of(List.of("x", "y")), List.of(Set.of("y", "z")), Cutoffs.standard());
    assertThat(metrics.values())
        .containsEntry("accuracy@1", 0.0)
        .containsEntry("accuracy@3", 1.0)
        .containsEntry("recall@10", 0.5)
        .containsEntry("mrr@10", 0.5)
        .containsEntry("map@100", 0.25)
        .containsKey("ndcg@10")
        .hasSize(15);
  }

  @Test
  void refusesWhatCannotBeFound() {
    Cutoffs cutoffs = Cutoffs.standard();
    List<float[]> one = List.of(new float[] {1});
    assertThatThrownBy(
            () -> RetrievalMetrics.of(one, one, List.of(Set.of()), Similarity.DOT, cutoffs))
        .hasMessage("query 0 has no relevant document, expected one at least; leave it out");
    assertThatThrownBy(
            () -> RetrievalMetrics.of(one, one, List.of(Set.of(1)), Similarity.DOT, cutoffs))
        .hasMessage("document 1, expected 0 to 0");
    assertThatThrownBy(
            () -> RetrievalMetrics.of(List.of(List.of(1, 1)), List.of(Set.of(1)), cutoffs))
        .hasMessage("query 0 found a document twice");
    assertThatThrownBy(
            () -> RetrievalMetrics.of(List.of(), List.of(), List.of(), Similarity.DOT, cutoffs))
        .hasMessage("no queries, expected one at least");
    assertThatThrownBy(() -> new Cutoffs(KS, KS, List.of(0), KS, KS))
        .hasMessage("cutoff 0, expected 1 or more");
    assertThatThrownBy(() -> new Cutoffs(KS, KS, List.of(3, 3), KS, KS))
        .hasMessage("cutoffs [3, 3], expected each once");
    assertThatThrownBy(() -> Similarity.COSINE.of(new float[] {1}, new float[] {1, 2}))
        .hasMessageContaining("expected as many of both");
    assertThatThrownBy(() -> Similarity.DOT.of(new float[] {Float.NaN}, new float[] {1}))
        .hasMessage("the dot similarity of two vectors is NaN, expected vectors of numbers");
    assertThatThrownBy(() -> PairClassification.of(one, one, new boolean[2], Similarity.COSINE))
        .hasMessage("1 pairs and 2 labels, expected as many of both");
    assertThat(Similarity.COSINE.of(new float[2], new float[] {1, 2})).isZero();
  }
}
