package io.github.peft4j.methods;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.transformer.Decoding;
import io.github.peft4j.transformer.DeviceMap;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.site.ParameterSite;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A model whose layers are on two devices computes what it computes on one. Both are parts of the
 * CPU here; a kernel that reads tensors of both fails.
 */
class SpreadTest {

  private static final LoraConfig LORA =
      LoraConfig.ofRank(2).loraAlpha(4).targetModules("all-linear");

  private static final List<long[]> PROMPTS =
      List.of(new long[] {9, 4}, new long[] {5, 6, 7, 8, 9}, new long[] {3, 2, 11, 8});

  @TempDir Path folder;

  @BeforeEach
  void check() {
    System.setProperty("peft4j.devices", "checked");
  }

  @AfterEach
  void restore() {
    System.clearProperty("peft4j.devices");
  }

  static Stream<String> families() throws IOException {
    return TinyFamily.all().keySet().stream().filter(type -> !type.equals("albert")); // one layer
  }

  static Stream<MethodCase> methods() {
    return MethodsTest.methods();
  }

  private PeftModel load(String family, DeviceMap devices) throws IOException {
    if (!Files.exists(folder.resolve("config.json"))) {
      requireNonNull(TinyFamily.all().get(family)).write(folder);
    }
    return Peft.from(folder).deviceMap(devices).precision(Precision.FLOAT32).load();
  }

  /** The device of all that belongs to no layer. */
  Device first() {
    return Device.cpu();
  }

  /** The device of the second layers. */
  Device second() {
    return Device.cpu();
  }

  /** The largest amount of some numbers, at least 1. */
  private static float largest(float[] numbers) {
    float largest = 1;
    for (float number : numbers) {
      largest = Math.max(largest, Math.abs(number));
    }
    return largest;
  }

  /** Of logits and losses, and of gradients by the largest of them. */
  float tolerance() {
    return 2e-6f;
  }

  private DeviceMap one() {
    return DeviceMap.on(first());
  }

  private DeviceMap two() {
    return DeviceMap.on(first()).layers(1, 1, second());
  }

  /** All layers wait on the host. */
  private DeviceMap host() {
    return DeviceMap.on(first()).onHost(0, 9);
  }

  private void compare(String family, PeftConfig config) throws IOException {
    compare(family, config, two());
  }

  private void compare(String family, PeftConfig config, DeviceMap devices) throws IOException {
    List<TinyStep> expected = new ArrayList<>();
    float[] logits;
    try (PeftModel model = load(family, one()).adapt(config)) {
      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 11);
      logits = TinyStep.logits(model);
      expected.add(TinyStep.of(model, false));
      expected.add(TinyStep.of(model, true));
    }
    try (PeftModel model = load(family, devices).adapt(config)) {
      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 11);

      assertThat(
              model.base().parameters().map(ParameterSite::frozen).map(Tensors::place).distinct())
          .hasSize(devices.toString().contains("host") ? 1 : 2);
      assertThat(model.base().parameters().anyMatch(site -> !site.waiting().isEmpty()))
          .isEqualTo(devices.toString().contains("host"));
      assertThat(TinyStep.logits(model)).containsExactly(logits, within(tolerance()));
      for (TinyStep step : expected) {
        TinyStep here = TinyStep.of(model, expected.indexOf(step) == 1);
        assertThat(here.loss()).isCloseTo(step.loss(), within((double) tolerance()));
        assertThat(here.gradients())
            .containsExactly(step.gradients(), within(tolerance() * largest(step.gradients())));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("families")
  void familiesTrain(String family) throws IOException {
    compare(family, LORA);
  }

  /** T5's first layers have the tables of relative positions that the stacks read. */
  @ParameterizedTest
  @ValueSource(strings = {"t5", "bart", "mpnet"})
  void allLayersAreElsewhere(String family) throws IOException {
    compare(family, LORA, DeviceMap.on(first()).layers(0, 9, second()));
  }

  @ParameterizedTest
  @MethodSource("methods")
  void methodsTrain(MethodCase method) throws IOException {
    String family =
        Map.of("BitFit", "qwen2", "CrossAttention", "bart").getOrDefault(method.name(), "llama");
    compare(family, method.config());
    if (method.merges()) {
      compareMerged(family, method.config());
    }
  }

  private void compareMerged(String family, PeftConfig config) throws IOException {
    List<float[]> logits = new ArrayList<>();
    for (DeviceMap devices : List.of(one(), two())) {
      try (PeftModel model = load(family, devices).adapt(config)) {
        MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 11);
        model.merge();
        logits.add(TinyStep.logits(model));
      }
    }
    assertThat(logits.get(1)).containsExactly(logits.get(0), within(tolerance()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"albert", "bart", "bert", "gpt2", "llama", "mixtral", "t5"})
  void familiesTrainWithWeightsOnTheHost(String family) throws IOException {
    compare(family, LORA, host());
  }

  @ParameterizedTest
  @ValueSource(strings = {"Dora", "DoraOfEmbeddings", "Vera", "Prefix", "Lst", "Shira"})
  void methodsTrainWithWeightsOnTheHost(String name) throws IOException {
    MethodCase method =
        methods().filter(each -> each.name().equals(name)).findFirst().orElseThrow();
    compare("llama", method.config(), host());
  }

  /** Keys and values lie where their layer is, also when rows change places. */
  private static List<float[]> written(PeftModel model) {
    List<float[]> all = new ArrayList<>();
    try (ModelCall call = model.newCall();
        Decoding texts = call.decode(PROMPTS, 0)) {
      for (int step = 0; step < 5; step++) {
        try (Scope scope = new Scope()) {
          all.add(Tensors.floats(texts.logits()));
        }
        if (step == 2) {
          texts.select(new int[] {2, 0, 0});
        }
        texts.append(new long[] {3 + step, 9, 20}, new boolean[] {true, true, true});
      }
    }
    return all;
  }

  @ParameterizedTest
  @MethodSource("writers")
  void textsAreWritten(String family) throws IOException {
    List<float[]> expected;
    try (PeftModel model = load(family, one()).adapt(LORA)) {
      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 11);
      expected = written(model);
    }
    try (PeftModel model = load(family, two()).adapt(LORA)) {
      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 11);
      List<float[]> texts = written(model);
      for (int step = 0; step < expected.size(); step++) {
        assertThat(texts.get(step)).containsExactly(expected.get(step), within(tolerance()));
      }
    }
  }

  static Stream<String> writers() {
    return Stream.of("llama", "t5", "bloom", "gemma2", "bart");
  }

  /** A thread must not take away what another one computes with. */
  @Test
  void threadsShareWeightsOnTheHost() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(3);
    try (PeftModel model = load("llama", host())) {
      float[] expected = TinyStep.logits(model);
      List<Future<float[]>> all = new ArrayList<>();
      for (int i = 0; i < 30; i++) {
        all.add(threads.submit(() -> TinyStep.logits(model)));
      }
      for (Future<float[]> logits : all) {
        assertThat(logits.get()).containsExactly(expected, within(tolerance()));
      }
    } finally {
      threads.shutdown();
    }
  }

  /** What is saved is what was loaded, and merged weights go where the frozen ones were. */
  @Test
  void weightsOnTheHostAreMergedAndSaved() throws IOException {
    Path saved = folder.resolve("saved");
    float[] logits;
    float[] frozen;
    try (PeftModel model = load("llama", host()).adapt(LORA)) {
      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 11);
      logits = TinyStep.logits(model);
      model.saveMerged(saved.toString());
      model.merge();

      assertThat(TinyStep.logits(model)).containsExactly(logits, within(1e-4f));
      assertThat(
              model
                  .base()
                  .parameters()
                  .filter(site -> site.name().contains(".layers."))
                  .allMatch(site -> !site.waiting().isEmpty()))
          .isTrue();
      model.unmerge();
      assertThat(TinyStep.logits(model)).containsExactly(logits, within(tolerance()));
      model.remove(PeftModel.DEFAULT);
      frozen = TinyStep.logits(model);
    }
    try (PeftModel model = load("llama", one())) {
      assertThat(TinyStep.logits(model)).containsExactly(frozen, within(tolerance()));
    }
    try (PeftModel merged = Peft.from(saved).deviceMap(one()).precision(Precision.FLOAT32).load()) {
      assertThat(TinyStep.logits(merged)).containsExactly(logits, within(1e-4f));
    }
  }

  /**
   * An adapter's tensors are where its layers are, and a merged weight where the frozen one was.
   */
  @Test
  void tensorsAreWhereTheirLayerIs() throws IOException {
    try (PeftModel model = load("llama", two()).adapt(LORA)) {
      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 11);
      List<Object> places =
          model.trainables().stream().map(Trainable::value).map(Tensors::place).distinct().toList();
      float[] logits = TinyStep.logits(model);
      model.merge();

      assertThat(places).hasSize(2);
      assertThat(
              model.base().parameters().map(ParameterSite::frozen).map(Tensors::place).distinct())
          .hasSize(2);
      assertThat(TinyStep.logits(model)).containsExactly(logits, within(1e-4f));
    }
  }

  /** While a model is merged, its first layer is on its way for the next pass. */
  @Test
  void mergedWeightsAreComputedWith() throws IOException {
    requireNonNull(TinyFamily.all().get("llama")).deeper(4).write(folder);
    try (PeftModel model = load("llama", host()).adapt(LORA)) {
      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 11);
      float[] logits = TinyStep.logits(model);
      try (TransformerModel merged = model.mergeAndUnload();
          ModelCall call = merged.newCall();
          Scope scope = new Scope()) {
        assertThat(scope).isNotNull();
        assertThat(Tensors.floats(call.logits(TinyFamily.input(model))))
            .containsExactly(logits, within(1e-4f));
      }
    }
  }
}
