package io.github.peft4j.methods.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.data.AnchorExample;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.QuestionExample;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.TokensExample;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.prefixtuning.PrefixTuningConfig;
import io.github.peft4j.methods.prompttuning.PromptTuningConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.embedding.MultipleNegativesRankingLoss;
import io.github.peft4j.train.evaluation.Evaluator;
import io.github.peft4j.train.evaluation.Measure;
import io.github.peft4j.train.evaluation.Measures;
import io.github.peft4j.train.evaluation.Prediction;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.objective.Outputs;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.loss.CrossEntropy;
import io.github.peft4j.transformer.pass.ModelInput;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What evaluations measure where rows, copies, virtual tokens or labels are unusual. */
class PredictionsTest {

  private static final List<String> TAGS = List.of("O", "B-X", "I-X");

  @TempDir Path folder;

  private PeftModel load(String name, Task task) {
    return Peft.load(TinyModels.copy(name, folder.resolve(name)).toString(), task);
  }

  private static String text(int i) {
    return "w" + (5 + i % 4) + " w" + (20 + i / 4 % 4) + " w7".repeat(i % 3);
  }

  private static Dataset<TokensExample> words() {
    return new Dataset<>(
        IntStream.range(0, 7)
            .mapToObj(
                i -> {
                  List<String> words = List.of(text(i).split(" "));
                  String tag = i % 2 == 0 ? "O" : "B-X";
                  return new TokensExample(words, words.stream().map(word -> tag).toList());
                })
            .toList());
  }

  private static List<Prediction> predictions(
      PeftModel model, Dataset<?> data, Objective objective, int rows) {
    List<Prediction> kept = new ArrayList<>();
    Measure keep =
        Measure.of(
            "kept",
            predictions -> {
              kept.addAll(predictions);
              return predictions.size();
            });
    Measures measures = Measures.of(model.base().task()).and(List.of(keep));
    new Evaluator(model, rows, 32).measuring(objective, measures).evaluate(data);
    return kept;
  }

  /** The logits of one text alone. */
  private static float[] alone(PeftModel model, Prediction prediction) {
    try (Scope scope = new Scope()) {
      long[][] ids = {prediction.encoded().inputIds()};
      ModelInput input = ModelInput.of(model.base().manager(), ids, null);
      long[] types = prediction.encoded().tokenTypeIds();
      return Tensors.floats(
          model.logits(
              types == null
                  ? input
                  : input.withTypes(
                      ModelInput.array(model.base().manager(), new long[][] {types}))));
    }
  }

  private static float[] flat(Prediction prediction) {
    return flat(prediction.logits());
  }

  private static float[] flat(float[][] rows) {
    float[] all = new float[Arrays.stream(rows).mapToInt(row -> row.length).sum()];
    int start = 0;
    for (float[] row : rows) {
      System.arraycopy(row, 0, all, start, row.length);
      start += row.length;
    }
    return all;
  }

  private static Stream<PeftConfig> configs() {
    return Stream.of(
        LoraConfig.ofRank(2),
        PrefixTuningConfig.ofVirtualTokens(3),
        PromptTuningConfig.ofVirtualTokens(3));
  }

  @ParameterizedTest
  @MethodSource("configs")
  void predictionsOfTokensAreThoseOfEachTextAlone(PeftConfig config) {
    try (PeftModel model = load("tiny-bert", Task.tokenClassification(TAGS))) {
      model.adapt(config);
      int virtual = config instanceof PromptTuningConfig ? 3 : 0;
      List<Prediction> all = predictions(model, words(), Objective.of(CrossEntropy.PLAIN), 4);
      assertThat(all).hasSize(7);
      for (Prediction prediction : all) {
        float[] alone = alone(model, prediction);
        assertThat(flat(prediction))
            .containsExactly(
                Arrays.copyOfRange(alone, virtual * TAGS.size(), alone.length), within(1e-5f));
      }
    }
  }

  /** The mean of two passes, as R-Drop has them. */
  private record Twice() implements Objective {
    @Override
    public NDArray loss(Outputs outputs) {
      return outputs
          .copy(0)
          .sum(CrossEntropy.PLAIN)
          .add(outputs.copy(1).sum(CrossEntropy.PLAIN))
          .div(2);
    }

    @Override
    public int copies() {
      return 2;
    }
  }

  @Test
  void copiesOfABatchDoNotMoveItsPredictions() {
    try (PeftModel model = load("tiny-bert", Task.tokenClassification(TAGS))) {
      model.adapt(PromptTuningConfig.ofVirtualTokens(3));
      List<Prediction> once = predictions(model, words(), Objective.of(CrossEntropy.PLAIN), 4);
      List<Prediction> twice = predictions(model, words(), new Twice(), 4);
      for (int i = 0; i < once.size(); i++) {
        assertThat(flat(twice.get(i))).containsExactly(flat(once.get(i)), within(1e-5f));
      }
    }
    Dataset<?> texts =
        new Dataset<>(
            IntStream.range(0, 7)
                .mapToObj(i -> new ClassificationExample(text(i), i % 2 == 0 ? "a" : "b"))
                .toList());
    try (PeftModel model =
        Peft.load(folder.resolve("tiny-bert").toString(), Task.classification("a", "b"))) {
      List<Prediction> once = predictions(model, texts, Objective.of(CrossEntropy.PLAIN), 4);
      List<Prediction> twice = predictions(model, texts, new Twice(), 4);
      for (int i = 0; i < once.size(); i++) {
        assertThat(flat(twice.get(i))).containsExactly(flat(once.get(i)), within(1e-5f));
      }
    }
  }

  private static QuestionExample question(int i) {
    String context = text(i) + " w30 w31 w32 w33 w34 w35";
    return new QuestionExample(
        "w9", context, List.of(new QuestionExample.Answer("w31 w32", context.indexOf("w31"))));
  }

  @Test
  void answersAreReadWhereTheyAreTrained() {
    Dataset<QuestionExample> questions =
        new Dataset<>(IntStream.range(0, 6).mapToObj(PredictionsTest::question).toList());
    try (PeftModel model = load("tiny-bert-qa", Task.questionAnswering())) {
      model.adapt(PromptTuningConfig.ofVirtualTokens(3));
      Objective own = Objective.of(CrossEntropy.PLAIN);
      for (Prediction prediction : predictions(model, questions, own, 4)) {
        float[] asInPeft =
            Arrays.copyOf(alone(model, prediction), 2 * prediction.encoded().length());
        assertThat(flat(prediction)).containsExactly(asInPeft, within(1e-5f));
      }
      TrainingReport report =
          FineTuner.of(model)
              .on(questions)
              .validateOn(questions)
              .epochs(300)
              .evaluateEvery(300)
              .learningRate(0.03)
              .quiet()
              .run();
      assertThat(report.bestMetrics().orElseThrow().get("f1")).isGreaterThan(80);
      String answer = model.answer("w9", question(1).context()).text();
      assertThat("w31 w32").contains(answer);
      assertThat(answer).isNotEmpty();
    }
  }

  @Test
  void windowsBelongToTheirQuestionHoweverItIsRead() {
    Dataset<QuestionExample> kept =
        new Dataset<>(IntStream.range(0, 6).mapToObj(PredictionsTest::question).toList());
    Dataset<QuestionExample> made = Dataset.of(6, PredictionsTest::question);
    try (PeftModel model = load("tiny-bert-qa", Task.questionAnswering())) {
      model.adapt(LoraConfig.ofRank(4).targetModules("query", "value"));
      FineTuner.of(model).on(kept).epochs(40).learningRate(0.01).quiet().run();
      Evaluator windows = new Evaluator(model, 4, 6);
      assertThat(windows.evaluate(made).values()).isEqualTo(windows.evaluate(kept).values());
      double first = windows.evaluate(new Dataset<>(List.of(question(0)))).get("f1");
      double second = windows.evaluate(new Dataset<>(List.of(question(1)))).get("f1");
      QuestionExample same = question(0);
      assertThat(windows.evaluate(new Dataset<>(List.of(same, same, question(1)))).get("f1"))
          .isCloseTo((2 * first + second) / 3, within(1e-6));
    }
  }

  @Test
  void labelsThatAreNoEntitiesHaveAnAccuracy() {
    Dataset<TokensExample> words =
        new Dataset<>(List.of(new TokensExample(List.of("w3", "w4"), List.of("NOUN", "VERB"))));
    try (PeftModel model = load("tiny-bert", Task.tokenClassification(List.of("NOUN", "VERB")))) {
      model.adapt(LoraConfig.ofRank(2));
      TrainingReport report =
          FineTuner.of(model).on(words).validateOn(words).steps(2).keepBest().quiet().run();
      assertThat(report.bestMetrics().orElseThrow().values()).containsOnlyKeys("loss", "accuracy");
    }
  }

  private Path masked(String name) throws IOException {
    Path masked = TinyModels.copy("tiny-bert-mlm", folder.resolve(name));
    Files.writeString(masked.resolve("tokenizer_config.json"), "{\"mask_token\": \"w39\"}");
    return masked;
  }

  @Test
  void aBatchWithoutAMaskIsNoStep() throws IOException {
    Path masked = masked("masked");
    Dataset<TextExample> texts =
        new Dataset<>(List.of(new TextExample("w3 w4"), new TextExample("w5")));
    int without = 0;
    for (int seed = 1; seed < 9; seed++) {
      try (PeftModel model = Peft.load(masked.toString(), Task.maskedLm())) {
        model.adapt(LoraConfig.ofRank(2));
        List<float[]> before = Trainings.values(model);
        double loss =
            FineTuner.of(model)
                .on(texts)
                .batchSize(1)
                .seed(seed)
                .steps(1)
                .quiet()
                .run()
                .losses()
                .get(0);
        if (loss == 0) {
          without++;
          List<float[]> after = Trainings.values(model);
          for (int i = 0; i < before.size(); i++) {
            assertThat(after.get(i)).isEqualTo(before.get(i));
          }
        }
      }
    }
    assertThat(without).isBetween(1, 8);
  }

  @Test
  void dataWithoutAnyLabelIsRefused() {
    Dataset<Example> empty = new Dataset<>(List.of(new TextExample("")));
    try (PeftModel model = load("tiny-llama", Task.causalLm())) {
      model.adapt(LoraConfig.ofRank(2));
      assertThatThrownBy(() -> FineTuner.of(model).on(empty).quiet().run())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("of the training data has a label that counts");
    }
  }

  @Test
  void aModelForMasksLearnsVectorsOfWholeTexts() throws IOException {
    Dataset<AnchorExample> pairs =
        new Dataset<>(List.of(AnchorExample.of("w3", "w4 w5"), AnchorExample.of("w6", "w7")));
    List<List<Double>> losses = new ArrayList<>();
    for (Task task : List.of(Task.maskedLm(), Task.featureExtraction())) {
      try (PeftModel model = Peft.load(masked(task.type().name()).toString(), task)) {
        model.adapt(LoraConfig.ofRank(2).targetModules("query", "value"));
        losses.add(
            FineTuner.of(model)
                .on(pairs)
                .validateOn(pairs)
                .objective(new MultipleNegativesRankingLoss())
                .steps(2)
                .quiet()
                .run()
                .losses());
      }
    }
    assertThat(losses.get(0).get(0)).isCloseTo(losses.get(1).get(0), within(1e-5));
  }
}
