package io.github.peft4j.methods.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import com.google.gson.Gson;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.AnchorExample;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.ScoredPair;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.Collator;
import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.embed.EmbeddingSettings;
import io.github.peft4j.embed.Pooling;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.embedding.CoSentLoss;
import io.github.peft4j.train.embedding.ContrastiveLoss;
import io.github.peft4j.train.embedding.CosineSimilarityLoss;
import io.github.peft4j.train.embedding.Distance;
import io.github.peft4j.train.embedding.EmbeddingLoss;
import io.github.peft4j.train.embedding.EmbeddingObjective;
import io.github.peft4j.train.embedding.MatryoshkaLoss;
import io.github.peft4j.train.embedding.MultipleNegativesRankingLoss;
import io.github.peft4j.train.embedding.MultipleNegativesRankingLoss.Similarity;
import io.github.peft4j.train.embedding.RetrievalMeasure;
import io.github.peft4j.train.embedding.SimilarityMeasure;
import io.github.peft4j.train.embedding.TripletLoss;
import io.github.peft4j.train.embedding.TripletMeasure;
import io.github.peft4j.train.evaluation.BatchFeed;
import io.github.peft4j.train.evaluation.Metrics;
import io.github.peft4j.train.evaluation.TaskEncoder;
import io.github.peft4j.train.report.EvaluationEvent;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.tuner.Trainable;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Losses of vectors, their gradients and some steps are those of sentence-transformers and PEFT.
 */
class EmbeddingTrainingTest {

  private static final String PREFIX = "base_model.model.";
  private static final EmbeddingLoss RANKING = new MultipleNegativesRankingLoss();

  private static final Map<String, EmbeddingLoss> LOSSES =
      Map.ofEntries(
          Map.entry("ranking", RANKING),
          Map.entry("ranking-negatives", RANKING),
          Map.entry("ranking-symmetric", new MultipleNegativesRankingLoss().symmetric(true)),
          Map.entry("ranking-dot", new MultipleNegativesRankingLoss(1, Similarity.DOT, false)),
          Map.entry("cosine", new CosineSimilarityLoss()),
          Map.entry("cosent", new CoSentLoss()),
          Map.entry("triplet", new TripletLoss()),
          Map.entry("triplet-cosine", new TripletLoss(Distance.COSINE, 0.5)),
          Map.entry("triplet-manhattan", new TripletLoss(Distance.MANHATTAN, 5)),
          Map.entry("contrastive", new ContrastiveLoss()),
          Map.entry("contrastive-euclidean", new ContrastiveLoss(Distance.EUCLIDEAN, 3)),
          Map.entry(
              "matryoshka",
              new MatryoshkaLoss(RANKING, List.of(16, 8, 4), List.of(1.0, 0.5, 2.0))));

  @TempDir Path folder;

  /** The file that make_losses.py wrote. */
  private record Expected(
      String model,
      String pooling,
      List<String> anchors,
      List<String> positives,
      List<String> negatives,
      double[] scores,
      double[] labels,
      Map<String, Loss> losses,
      double[] trace) {

    record Loss(String data, double loss, Map<String, float[]> gradients) {}

    static Expected read(String name) throws IOException, URISyntaxException {
      return new Gson()
          .fromJson(Files.readString(resource(name).resolve("expected.json")), Expected.class);
    }

    Examples<Example> examples(String data) {
      return Examples.of(
          IntStream.range(0, anchors.size())
              .<Example>mapToObj(
                  i ->
                      switch (data) {
                        case "pairs" -> AnchorExample.of(anchors.get(i), positives.get(i));
                        case "triplets" ->
                            AnchorExample.of(anchors.get(i), positives.get(i), negatives.get(i));
                        case "scores" ->
                            new ScoredPair(anchors.get(i), positives.get(i), scores[i]);
                        default -> new ScoredPair(anchors.get(i), positives.get(i), labels[i]);
                      })
              .toList());
    }
  }

  private static Path resource(String name) throws URISyntaxException {
    return Path.of(
        Objects.requireNonNull(EmbeddingTrainingTest.class.getResource("/embedding-losses/" + name))
            .toURI());
  }

  private PeftModel load(String base, Pooling pooling, Task task) {
    Path model = folder.resolve(base);
    if (!Files.exists(model)) {
      TinyModels.copy(base, model);
    }
    return Peft.from(model.toString()).task(task).embeddings(EmbeddingSettings.of(pooling)).load();
  }

  private PeftModel golden(String name, Expected expected) throws URISyntaxException {
    Pooling pooling = expected.pooling().equals("mean") ? Pooling.MEAN : Pooling.LAST_TOKEN;
    PeftModel model = load(expected.model(), pooling, Task.featureExtraction());
    return model.loadAdapter(resource(name).toString()).unfreeze(PeftModel.DEFAULT);
  }

  private static Backpropagation.Result run(
      PeftModel model, EmbeddingLoss loss, Examples<Example> examples) {
    EncodedDataset data = TaskEncoder.encode(model, examples, 32);
    EmbeddingObjective objective = new EmbeddingObjective(model.embeddingSettings(), loss);
    objective.check(data);
    Batch batch = new Collator(model.tokenizer().padId()).collate(data.examples());
    try (Scope scope = new Scope()) {
      return new Backpropagation(model, Activations.RECOMPUTED)
          .run(
              objective,
              BatchFeed.input(model.base(), batch),
              BatchFeed.targets(model.base(), batch),
              1 / loss.units(batch.examples()),
              7);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"mean", "last-token"})
  void lossesAndGradientsAreThoseOfSentenceTransformers(String name)
      throws IOException, URISyntaxException {
    Expected expected = Expected.read(name);
    assertThat(expected.losses()).containsOnlyKeys(LOSSES.keySet());
    try (PeftModel model = golden(name, expected)) {
      Map<String, Trainable> tensors = model.adapter(PeftModel.DEFAULT).tensors();
      expected
          .losses()
          .forEach(
              (kind, wanted) -> {
                EmbeddingLoss loss = Objects.requireNonNull(LOSSES.get(kind));
                double sum = run(model, loss, expected.examples(wanted.data())).loss();
                assertThat(sum / loss.units(3)).as(kind).isCloseTo(wanted.loss(), within(1e-4));
                assertThat(wanted.gradients()).hasSize(8);
                wanted
                    .gradients()
                    .forEach(
                        (tensor, values) -> {
                          String key = tensor.substring(PREFIX.length());
                          Trainable trained = ending(key, tensors);
                          assertThat(gradient(trained))
                              .as("%s %s", kind, tensor)
                              .containsExactly(values, within(1e-4f));
                          trained.clearGradient();
                        });
              });
    }
  }

  /** A model that was loaded from another task's file has a prefix in its names. */
  private static Trainable ending(String key, Map<String, Trainable> tensors) {
    return tensors.entrySet().stream()
        .filter(tensor -> tensor.getKey().endsWith("." + key))
        .map(Map.Entry::getValue)
        .findFirst()
        .orElseThrow();
  }

  private static float[] gradient(Trainable tensor) {
    try (NDArray gradient = Objects.requireNonNull(Autograd.gradient(tensor.value()))) {
      return Tensors.floats(gradient);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"mean", "last-token"})
  void someStepsAreThoseOfPyTorch(String name) throws IOException, URISyntaxException {
    Expected expected = Expected.read(name);
    try (PeftModel model = golden(name, expected)) {
      TrainingReport report =
          training(model)
              .on(expected.examples("pairs"))
              .objective(RANKING)
              .batchSize(3)
              .steps(expected.trace().length)
              .constant()
              .clip(0)
              .learningRate(1e-2)
              .run();
      assertThat(report.losses().stream().mapToDouble(loss -> loss).toArray())
          .containsExactly(expected.trace(), within(1e-4));
    }
  }

  private static FineTuner training(PeftModel model) {
    return FineTuner.of(model).quiet();
  }

  private static Examples<Example> pairs(int count) {
    return Examples.of(
        IntStream.range(0, count)
            .<Example>mapToObj(i -> AnchorExample.of("w" + (3 + i) + " w9", "w" + (20 + i)))
            .toList());
  }

  @Test
  void theBodyOfALanguageModelAndOfAClassifierLearnsToo() {
    for (Task task : List.of(Task.causalLm(), Task.classification("a", "b", "c"))) {
      try (PeftModel model = load("tiny-llama", Pooling.LAST_TOKEN, task)) {
        model.adapt(LoraConfig.ofRank(4).targetModules("all-linear"));
        List<Double> losses =
            training(model)
                .on(pairs(8))
                .validateOn(pairs(4))
                .objective(RANKING)
                .batchSize(4)
                .epochs(10)
                .learningRate(1e-2)
                .run()
                .losses();
        assertThat(losses.get(losses.size() - 1)).isLessThan(0.7 * losses.get(0));
      }
    }
  }

  @Test
  void measures() {
    Examples<Example> scored =
        Examples.of(
            IntStream.range(0, 12)
                .<Example>mapToObj(
                    i -> new ScoredPair("w" + (3 + i) + " w9", "w" + (20 + i), i % 4 / 4.0))
                .toList());
    RetrievalMeasure retrieval =
        new RetrievalMeasure(
            List.of("w3 w9", "w4 w9", "w5 w9"),
            List.of("w20", "w21", "w22", "w23"),
            List.of(Set.of(0), Set.of(1, 3), Set.of(2)));
    try (PeftModel model = load("tiny-bert", Pooling.MEAN, Task.featureExtraction())) {
      model.adapt(LoraConfig.ofRank(4).targetModules("query", "value"));
      TrainingReport report =
          training(model)
              .on(scored)
              .validateOn(scored)
              .objective(new CoSentLoss())
              .measure(new SimilarityMeasure())
              .measure(retrieval)
              .metric("spearman_cosine")
              .batchSize(12)
              .epochs(30)
              .learningRate(2e-2)
              .run();
      List<EvaluationEvent> evaluations = report.evaluations();
      Metrics first = evaluations.get(0).metrics();
      Metrics last = evaluations.get(evaluations.size() - 1).metrics();
      assertThat(last.get("spearman_cosine")).isGreaterThan(first.get("spearman_cosine") + 0.3);
      assertThat(last.values().keySet())
          .startsWith("loss", "pearson_cosine", "spearman_cosine", "accuracy@1")
          .contains("recall@1", "recall@10", "mrr@10", "ndcg@10");
      assertThat(last.get("recall@10")).isEqualTo(1); // there are four documents
    }
  }

  @Test
  void tripletsAreMeasured() {
    try (PeftModel model = load("tiny-bert", Pooling.MEAN, Task.featureExtraction())) {
      model.adapt(LoraConfig.ofRank(2).targetModules("query"));
      Examples<Example> triplets =
          Examples.of(
              List.of(
                  AnchorExample.of("w3 w4", "w3 w4", "w30"), // the same text is the nearest
                  AnchorExample.of("w5", "w31", "w5")));
      Metrics metrics =
          training(model)
              .on(triplets)
              .validateOn(triplets)
              .objective(new TripletLoss())
              .measure(new TripletMeasure())
              .steps(1)
              .run()
              .evaluations()
              .get(0)
              .metrics();
      assertThat(metrics.get("cosine_accuracy")).isEqualTo(0.5);
      FineTuner wrong =
          training(model)
              .on(triplets)
              .validateOn(triplets)
              .objective(new TripletLoss())
              .measure(new SimilarityMeasure())
              .steps(1);
      assertThatThrownBy(wrong::run)
          .hasMessageContaining("to be a ScoredPair; example 0 is a AnchorExample");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "pairs, scores, needs pairs with scores: .text(column).pair(column).similarity(column); example 0 has 2 texts and no score",
    "pairs, triplet, needs anchors with a positive and one negative",
    "scores, pairs, needs anchors with positives: .anchor(column).positive(column); example 0 has 2 texts and a score",
    "ratings, scores, the score 4.0 is no cosine",
    "scores, labels, expected 1 for texts that are alike or 0",
    "mixed, pairs, 'example 1 has 3 texts, but example 0 has 2; expected equally many in each'",
  })
  void dataThatDoesNotFitTheLossIsRefused(String data, String loss, String message) {
    Map<String, List<Example>> all =
        Map.of(
            "pairs", List.of(AnchorExample.of("w3", "w4")),
            "scores", List.of(new ScoredPair("w3", "w4", 0.5)),
            "ratings", List.of(new ScoredPair("w3", "w4", 4)),
            "mixed", List.of(AnchorExample.of("w3", "w4"), AnchorExample.of("w5", "w6", "w7")));
    Map<String, EmbeddingLoss> losses =
        Map.of(
            "pairs", RANKING,
            "scores", new CosineSimilarityLoss(),
            "labels", new ContrastiveLoss(),
            "triplet", new TripletLoss());
    try (PeftModel model = load("tiny-bert", Pooling.MEAN, Task.featureExtraction())) {
      model.adapt(LoraConfig.ofRank(2).targetModules("query"));
      FineTuner training =
          training(model)
              .on(Examples.of(Objects.requireNonNull(all.get(data))))
              .objective(Objects.requireNonNull(losses.get(loss)));
      assertThatThrownBy(training::run)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(message);
    }
  }

  @Test
  void withoutALossOfVectorsTextsThatBelongTogetherAreRefused() {
    for (Task task : List.of(Task.featureExtraction(), Task.classification("a", "b", "c"))) {
      try (PeftModel model = load("tiny-bert", Pooling.MEAN, task)) {
        model.adapt(LoraConfig.ofRank(2).targetModules("query"));
        FineTuner training = training(model).on(pairs(4));
        assertThatThrownBy(training::run)
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("call objective(…) with a loss of vectors");
      }
    }
    Path t5 = TinyModels.copy("tiny-t5", folder.resolve("t5"));
    try (PeftModel model = Peft.load(t5.toString())) {
      assertThatThrownBy(() -> training(model).objective(RANKING))
          .hasMessageContaining("an encoder-decoder gives no embeddings");
    }
  }
}
