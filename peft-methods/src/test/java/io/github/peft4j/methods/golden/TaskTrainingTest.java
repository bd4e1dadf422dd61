package io.github.peft4j.methods.golden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.QuestionExample;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.TokensExample;
import io.github.peft4j.data.batch.Masking;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.evaluation.Metrics;
import io.github.peft4j.transformer.config.Task;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Losses of training steps against transformers and PEFT: golden-task-training/make_training.py
 * makes them.
 */
class TaskTrainingTest {

  private static final double TOLERANCE = 1e-5;

  @TempDir Path runs;

  private static Path folder(String name) {
    try {
      return Path.of(
          Objects.requireNonNull(
                  TaskTrainingTest.class.getResource("/golden-task-training/" + name))
              .toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static JsonObject golden(String name) {
    try {
      return JsonParser.parseString(Files.readString(folder(name).resolve("losses.json")))
          .getAsJsonObject();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static PeftModel model(String name, Task task) {
    return Peft.from(folder(name))
        .task(task)
        .device(Device.cpu())
        .precision(Precision.FLOAT32)
        .load()
        .loadAdapter(PeftModel.DEFAULT, folder(name).resolve("adapter"));
  }

  private static <E extends Example> Dataset<E> examples(
      JsonObject golden, String field, Function<JsonElement, E> make) {
    List<E> examples = new ArrayList<>();
    golden.getAsJsonArray(field).forEach(each -> examples.add(make.apply(each)));
    return Examples.of(examples);
  }

  private static List<String> strings(JsonArray array) {
    return StreamSupport.stream(array.spliterator(), false).map(JsonElement::getAsString).toList();
  }

  /** A step with all examples. */
  private static FineTuner tuner(PeftModel model, JsonObject golden, Examples<?> examples) {
    return FineTuner.of(model)
        .on(examples)
        .validateOn(examples)
        .batchSize(64)
        .steps(golden.getAsJsonArray("losses").size())
        .maxLength(golden.get("length").getAsInt())
        .learningRate(0.01)
        .weightDecay(0)
        .warmup(0)
        .constant()
        .quiet();
  }

  private static Metrics check(FineTuner tuner, JsonObject golden) {
    TrainingReport report = tuner.run();
    double[] losses = report.losses().stream().mapToDouble(loss -> loss).toArray();
    JsonArray expected = golden.getAsJsonArray("losses");
    assertThat(losses).hasSize(expected.size());
    for (int i = 0; i < losses.length; i++) {
      assertThat(losses[i])
          .as("step %d", i + 1)
          .isCloseTo(expected.get(i).getAsDouble(), within(TOLERANCE));
    }
    return report.evaluations().get(report.evaluations().size() - 1).metrics();
  }

  @Test
  void aJudgeOfPairsLearnsAsWithTransformers() {
    JsonObject golden = golden("judge");
    try (PeftModel model = model("judge", Task.classification("no", "maybe", "yes"))) {
      Dataset<ClassificationExample> pairs =
          examples(golden, "pairs", each -> pair(each.getAsJsonObject()));

      Metrics metrics = check(tuner(model, golden, pairs), golden);

      assertThat(metrics.values()).containsKeys(Metrics.ACCURACY, "macro_f1");
    }
  }

  private static ClassificationExample pair(JsonObject fields) {
    return new ClassificationExample(
        fields.get("text").getAsString(),
        fields.get("pair").getAsString(),
        fields.get("label").getAsString());
  }

  @Test
  void aTaggerLearnsAsWithTransformers() {
    JsonObject golden = golden("tagger");
    try (PeftModel model =
        model(
            "tagger", Task.tokenClassification(List.of("O", "B-ANIMAL", "I-ANIMAL", "B-PLACE")))) {
      Dataset<TokensExample> words =
          examples(
              golden,
              "words",
              each ->
                  new TokensExample(
                      strings(each.getAsJsonObject().getAsJsonArray("words")),
                      strings(each.getAsJsonObject().getAsJsonArray("tags"))));

      Metrics metrics = check(tuner(model, golden, words), golden);

      assertThat(metrics.values()).containsKeys("f1", "precision", "recall", Metrics.ACCURACY);
      assertThat(metrics.values().get(Metrics.ACCURACY)).isGreaterThan(0.5);
    }
  }

  @Test
  void aReaderLearnsAsWithTransformers() {
    JsonObject golden = golden("reader");
    try (PeftModel model = model("reader", Task.questionAnswering())) {
      Dataset<QuestionExample> questions =
          examples(golden, "questions", TaskTrainingTest::question);

      Metrics metrics =
          check(tuner(model, golden, questions).stride(golden.get("stride").getAsInt()), golden);

      assertThat(metrics.values()).containsKeys("f1", "exact_match");
    }
  }

  private static QuestionExample question(JsonElement each) {
    JsonObject fields = each.getAsJsonObject();
    return new QuestionExample(
        fields.get("question").getAsString(),
        fields.get("context").getAsString(),
        fields.get("answer").isJsonNull()
            ? List.of()
            : List.of(
                new QuestionExample.Answer(
                    fields.get("answer").getAsString(), fields.get("start").getAsInt())));
  }

  @Test
  void aFillerLearnsAsWithTransformers() {
    JsonObject golden = golden("filler");
    try (PeftModel model = model("filler", Task.maskedLm())) {
      Dataset<TextExample> texts =
          examples(golden, "texts", each -> new TextExample(each.getAsString()));
      Masking all = Masking.DEFAULT.probability(1).shares(1, 0);

      Metrics metrics = check(tuner(model, golden, texts).masking(all), golden);

      assertThat(metrics.values().get(Metrics.PERPLEXITY))
          .isCloseTo(Math.exp(metrics.get(Metrics.LOSS)), within(1e-6));
    }
  }
}
