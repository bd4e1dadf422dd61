package io.github.peft4j.methods.train;

import static io.github.peft4j.methods.adapter.Closeness.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.PreferenceExample;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.Collator;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.ConversationPreference;
import io.github.peft4j.data.conversation.Message;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.evaluation.BatchFeed;
import io.github.peft4j.train.evaluation.TaskEncoder;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.preference.Dpo;
import io.github.peft4j.train.preference.DpoLoss;
import io.github.peft4j.train.preference.Orpo;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.tuner.Trainable;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** DPO and ORPO compute what TRL computes: preferences.json, made by make_preferences.py. */
class PreferencesTest {

  private static final Path GOLDEN = golden();

  @TempDir static Path folder;
  private static Path base;
  private static JsonObject golden;
  private static Dataset<PreferenceExample> pairs;

  private static Path golden() {
    try {
      return Path.of(
          Objects.requireNonNull(PreferencesTest.class.getResource("/preferences")).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  @BeforeAll
  static void read() throws IOException {
    base = TinyModels.copy("tiny-llama", folder.resolve("llama"));
    golden =
        JsonParser.parseString(Files.readString(GOLDEN.resolve("preferences.json")))
            .getAsJsonObject();
    List<PreferenceExample> read = new ArrayList<>();
    for (JsonElement pair : golden.getAsJsonArray("pairs")) {
      JsonObject fields = pair.getAsJsonObject();
      read.add(
          new PreferenceExample(
              fields.get("prompt").getAsString(),
              fields.get("chosen").getAsString(),
              fields.get("rejected").getAsString()));
    }
    pairs = new Dataset<>(read);
  }

  private static PeftModel model() {
    return Peft.load(base.toString()).loadAdapter(GOLDEN.resolve("lora").toString());
  }

  private static int maxLength() {
    return golden.get("max_length").getAsInt();
  }

  private static Stream<Objective> objectives() {
    return Stream.concat(
        Stream.of(DpoLoss.values()).map(PreferencesTest::dpo), Stream.of(new Orpo(0.3)));
  }

  private static Dpo dpo(DpoLoss type) {
    Dpo dpo = new Dpo(0.3).type(type);
    return type == DpoLoss.ROBUST ? dpo.labelSmoothing(0.1) : dpo;
  }

  private static String name(Objective objective) {
    return objective instanceof Dpo dpo ? dpo.type().name().toLowerCase(Locale.ROOT) : "orpo";
  }

  private static Batch batch(PeftModel model) {
    return new Collator(0)
        .collate(TaskEncoder.encode(model, pairs, maxLength()).select(0, 1, 2, 3));
  }

  private static long[][] rows(String batch, String field) {
    return golden.getAsJsonObject(batch).getAsJsonArray(field).asList().stream()
        .map(JsonElement::getAsJsonArray)
        .map(row -> row.asList().stream().mapToLong(JsonElement::getAsLong).toArray())
        .toArray(long[][]::new);
  }

  private static void assertSame(Batch batch, String golden) {
    assertThat(batch.inputIds()).isDeepEqualTo(rows(golden, "input_ids"));
    assertThat(batch.attentionMask()).isDeepEqualTo(rows(golden, "attention_mask"));
    long[][] completions = rows(golden, "completion_mask");
    for (int b = 0; b < completions.length; b++) {
      for (int t = 0; t < completions[b].length; t++) {
        assertThat(batch.labels()[b][t])
            .isEqualTo(completions[b][t] == 1 ? batch.inputIds()[b][t] : -100);
      }
    }
  }

  @Test
  void textsAreTokenizedAndCutAsInTrl() {
    try (PeftModel model = model()) {
      assertSame(batch(model), "batch");
    }
  }

  @Test
  void conversationsAreRenderedAndTokenizedAsInTrl() throws IOException {
    List<ConversationPreference> chats = new ArrayList<>();
    for (JsonElement each : golden.getAsJsonArray("chat")) {
      JsonObject chat = each.getAsJsonObject();
      chats.add(
          new ConversationPreference(
              Conversation.of(messages(chat, "prompt")),
              messages(chat, "chosen"),
              messages(chat, "rejected")));
    }
    Path folder = TinyModels.copy("tiny-llama", PreferencesTest.folder.resolve("chat"));
    Files.writeString(folder.resolve("chat_template.jinja"), golden.get("template").getAsString());
    try (PeftModel model = Peft.load(folder.toString())) {
      assertSame(
          new Collator(0).collate(TaskEncoder.encode(model, new Dataset<>(chats), 9).select(0, 1)),
          "chat_batch");
    }
  }

  private static List<Message> messages(JsonObject chat, String field) {
    return chat.getAsJsonArray(field).asList().stream()
        .map(JsonElement::getAsJsonObject)
        .map(m -> Message.of(m.get("role").getAsString(), m.get("content").getAsString()))
        .toList();
  }

  @ParameterizedTest
  @MethodSource("objectives")
  void valuesAndGradients(Objective objective) {
    JsonObject wanted = golden.getAsJsonObject("losses").getAsJsonObject(name(objective));
    try (PeftModel model = model();
        TensorSource gradients = Safetensors.open(GOLDEN.resolve("gradients.safetensors"));
        Scope scope = new Scope()) {
      Batch batch = batch(model);
      Backpropagation.Result result =
          new Backpropagation(model, Activations.KEPT)
              .run(
                  objective,
                  BatchFeed.input(model.base(), batch),
                  BatchFeed.targets(model.base(), batch),
                  0.25,
                  1);
      assertThat(result.loss() / 4).isCloseTo(wanted.get("loss").getAsDouble(), within(1e-4));
      JsonObject metrics = wanted.getAsJsonObject("metrics");
      assertThat(result.reported().keySet()).isEqualTo(metrics.keySet());
      result
          .reported()
          .forEach(
              (name, sum) ->
                  assertThat(sum / 4)
                      .as(name)
                      .isCloseTo(metrics.get(name).getAsDouble(), within(1e-4)));
      Map<String, Trainable> tensors = model.adapter(PeftModel.DEFAULT).tensors();
      String prefix = name(objective) + "/";
      assertThat(gradients.names().stream().filter(n -> n.startsWith(prefix)))
          .hasSize(tensors.size());
      tensors.forEach(
          (name, tensor) ->
              assertClose(
                  name,
                  Tensors.floats(Objects.requireNonNull(Autograd.gradient(tensor.value()))),
                  gradients.floats(prefix + name),
                  1e-4));
    }
  }

  private static FineTuner trainer(PeftModel model, Objective objective) {
    return FineTuner.of(model)
        .on(pairs)
        .objective(objective)
        .epochs(5)
        .batchSize(4)
        .maxLength(maxLength())
        .learningRate(0.02)
        .quiet();
  }

  @Test
  void fiveStepsAreTrlsSteps() {
    for (Objective objective :
        List.of(new Dpo(0.3), new Dpo(0.3).type(DpoLoss.IPO), new Orpo(0.3))) {
      JsonArray losses = golden.getAsJsonObject("traces").getAsJsonArray(name(objective));
      try (PeftModel model = model()) {
        TrainingReport report = trainer(model, objective).run();
        assertThat(report.losses()).hasSize(losses.size());
        for (int i = 0; i < losses.size(); i++) {
          double theirs = losses.get(i).getAsDouble();
          assertThat(report.losses().get(i))
              .as("%s, step %d", objective, i)
              .isCloseTo(theirs, within(1e-4 * Math.max(1, theirs)));
        }
        assertThat(report.truncated().cut()).isEqualTo(1);
        assertThat(report.truncated().longest()).isEqualTo(12);
      }
    }
  }

  @Test
  void evaluationsGiveRewardsAndNoPerplexity() {
    try (PeftModel model = model()) {
      TrainingReport report =
          trainer(model, new Dpo(0.3)).validateOn(pairs).metric("rewards/margins").keepBest().run();
      Map<String, Double> last = report.finalMetrics().orElseThrow().values();
      assertThat(last)
          .containsOnlyKeys(
              "loss",
              "rewards/chosen",
              "rewards/rejected",
              "rewards/accuracies",
              "rewards/margins",
              "logps/chosen",
              "logps/rejected");
      assertThat(last.get("rewards/accuracies")).isEqualTo(1);
      assertThat(last.get("rewards/margins")).isPositive();
      assertThat(last.get("loss")).isLessThan(report.losses().get(4));
      assertThat(report.bestStep()).isEqualTo(5);
    }
  }

  @Test
  void skippedPairsAreCounted() {
    try (PeftModel model = model()) {
      TrainingReport report = trainer(model, new Orpo(0.1)).skipTooLong().run();
      assertThat(report.truncated().leftOut()).isEqualTo(1);
      assertThat(report.truncated().longest()).isEqualTo(12);
      assertThatThrownBy(() -> trainer(model, new Orpo(0.1)).maxLength(4).run())
          .hasMessageContaining("the prompt alone has 4 tokens, and maxLength is 4")
          .hasMessageContaining("example 2");
    }
  }

  @Test
  void anotherAdapterMayBeTheReference() {
    try (PeftModel model = Peft.load(base.toString())) {
      model.loadAdapter("sft", GOLDEN.resolve("lora"));
      model.freeze("sft");
      model.adapt("dpo", LoraConfig.ofRank(2).targetModules("q_proj"));
      model.activate(Composition.stack("sft", "dpo"));
      Dpo dpo = new Dpo(0.3).reference(model.using("sft"));
      TrainingReport report = trainer(model, dpo).run();
      assertThat(report.losses().get(0)).isCloseTo(Math.log(2), within(1e-6)); // both are the same
      assertThat(report.finalLoss()).isLessThan(Math.log(2) - 0.01);
      assertThatThrownBy(() -> trainer(model, dpo.reference(model.using("dpo"))).run())
          .hasMessageContaining("has an adapter that is trained");
      assertThat(trainer(model, dpo.withoutReference()).epochs(1).run().finalLoss())
          .isNotCloseTo(Math.log(2), within(0.01));
    }
  }

  @Test
  void encoderDecodersLearnPreferencesToo() {
    Path t5 = TinyModels.copy("tiny-t5", folder.resolve("t5"));
    for (Objective objective : List.of(new Dpo(0.3), new Orpo(0.3))) {
      try (PeftModel model =
          Peft.load(t5.toString()).adapt(LoraConfig.ofRank(4).targetModules("all-linear"))) {
        TrainingReport report = trainer(model, objective).epochs(10).run();
        assertThat(report.finalLoss()).isLessThan(report.losses().get(0) - 0.05);
      }
    }
  }

  @Test
  void dataAndObjectiveFitTogether() {
    try (PeftModel model = model()) {
      assertThatThrownBy(() -> FineTuner.of(model).on(pairs).quiet().run())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("a PreferenceExample is 2 texts that belong together")
          .hasMessageContaining("objective(new Dpo(0.1))");
      assertThatThrownBy(() -> trainer(model, new Orpo(0.1)).on(Trainings.prompts(4, "w9")).run())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("ORPO with beta 0.1 compares texts that belong together")
          .hasMessageContaining("PromptExample is one text");
      assertThatThrownBy(
              () -> trainer(model, new Dpo(0.1)).validateOn(Trainings.prompts(4, "w9")).run())
          .hasMessageContaining("PromptExample is one text");
    }
  }

  @Test
  void settingsAreChecked() {
    assertThatThrownBy(() -> new Dpo(0))
        .hasMessage("beta is 0.0, expected a finite number above 0");
    assertThatThrownBy(() -> new Dpo(0.1).labelSmoothing(0.1))
        .hasMessage("labelSmoothing does nothing with the loss SIGMOID; it is for ROBUST");
    assertThatThrownBy(() -> new Dpo(0.1).type(DpoLoss.ROBUST).labelSmoothing(0.5))
        .hasMessage("labelSmoothing is 0.5, expected in [0, 0.5)");
    assertThat(new Dpo(0.1))
        .hasToString("DPO with beta 0.1, sigmoid loss and the frozen model as reference");
  }

  @Test
  void nothingIsLeftInNativeMemory() {
    try (PeftModel model = model()) {
      trainer(model, new Orpo(0.3)).run();
      trainer(model, new Dpo(0.3)).run();
      long before = Tensors.live();
      trainer(model, new Orpo(0.3)).run();
      trainer(model, new Dpo(0.3)).run();
      assertThat(Tensors.live()).isEqualTo(before);
    }
  }
}
