package io.github.peft4j.methods;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.quantization.float8.Float8;
import io.github.peft4j.tuner.site.ParameterSite;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Models whose frozen weights are kept in eight bits. Their products are emulated on the CPU. */
class Float8Test {

  private static final LoraConfig LORA =
      LoraConfig.ofRank(2).loraAlpha(4).targetModules("all-linear");

  private static final String DERIVATIVES = "peft4j.derivatives";
  private static final @Nullable String GIVEN = System.getProperty(DERIVATIVES);

  @TempDir Path folder;

  @BeforeEach
  void emulate() {
    System.setProperty(Float8.EMULATED, "true");
  }

  @AfterEach
  void restore() {
    System.clearProperty(Float8.EMULATED);
  }

  static Stream<String> families() throws IOException {
    return TinyFamily.all().keySet().stream();
  }

  static Stream<MethodCase> methods() {
    return MethodsTest.methods().filter(method -> !method.name().equals("Loftq")); // it quantises
  }

  private PeftModel load(String family, @Nullable Float8 layout) throws IOException {
    if (!Files.exists(folder.resolve("config.json"))) {
      requireNonNull(TinyFamily.all().get(family)).write(folder);
    }
    Peft.Loader loader = Peft.from(folder).device(Device.cpu()).precision(Precision.FLOAT32);
    return (layout == null ? loader : loader.quantize(layout)).load();
  }

  private static float[] logits(PeftModel model) {
    return TinyStep.logits(model);
  }

  private static float[] gradients(PeftModel model, String how, boolean recompute) {
    System.setProperty(DERIVATIVES, how);
    try {
      return TinyStep.of(model, recompute).gradients();
    } finally {
      if (GIVEN == null) {
        System.clearProperty(DERIVATIVES);
      } else {
        System.setProperty(DERIVATIVES, GIVEN);
      }
    }
  }

  /** A graph computes with dense weights; kernels with those in eight bits, here unrounded. */
  private void compare(String family, PeftConfig config) throws IOException {
    System.setProperty(Float8.EMULATED, "unrounded");
    try (PeftModel model = load(family, Float8.TWO_LAYOUTS).adapt(config)) {
      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 11);
      float[] graph = gradients(model, "false", false);
      double largest =
          IntStream.range(0, graph.length).mapToDouble(i -> Math.abs(graph[i])).max().orElseThrow();

      assertThat(largest).isPositive();
      assertThat(gradients(model, "checked", false))
          .containsExactly(graph, within((float) (2e-4 * largest)));
      assertThat(gradients(model, "checked", true))
          .containsExactly(graph, within((float) (2e-4 * largest)));
    }
  }

  @ParameterizedTest
  @MethodSource("families")
  void familiesTrain(String family) throws IOException {
    compare(family, LORA);
  }

  @ParameterizedTest
  @MethodSource("methods")
  void methodsTrain(MethodCase method) throws IOException {
    String family =
        Map.of("BitFit", "qwen2", "CrossAttention", "bart").getOrDefault(method.name(), "llama");
    compare(family, method.config());
  }

  /** Both layouts have the same numbers. Rounding changes the loss, and not by much. */
  @Test
  void layoutsComputeTheSame() throws IOException {
    List<TinyStep> steps = new ArrayList<>();
    for (Float8 layout : new Float8[] {null, Float8.TWO_LAYOUTS, Float8.ONE_LAYOUT}) {
      try (PeftModel model = load("llama", layout).adapt(LORA)) {
        MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 11);
        steps.add(TinyStep.of(model, false));
        assertThat(TinyStep.of(model, true))
            .usingRecursiveComparison()
            .isEqualTo(steps.get(steps.size() - 1));
      }
    }
    TinyStep exact = steps.get(0);
    TinyStep eight = steps.get(1);

    assertThat(steps.get(2)).usingRecursiveComparison().isEqualTo(eight);
    assertThat(eight.loss())
        .isNotEqualTo(exact.loss())
        .isCloseTo(exact.loss(), within(0.05 * exact.loss()));
    assertThat(eight.cosine(exact)).isGreaterThan(0.95);
  }

  private static List<ParameterSite> inEightBits(PeftModel model) {
    return model.base().parameters().filter(ParameterSite::isQuantized).toList();
  }

  @Test
  void onlyMapsOfLayersAreInEightBits() throws IOException {
    try (PeftModel model = load("llama", Float8.ONE_LAYOUT)) {
      assertThat(inEightBits(model))
          .extracting(ParameterSite::name)
          .isNotEmpty()
          .allMatch(
              name -> name.matches("model\\.layers\\.\\d\\.(self_attn|mlp)\\..*_proj\\.weight"));
    }
  }

  /** What a merged model saves are the rounded weights and the adapter's change. */
  @Test
  void mergedAndBaseModelsAreSavedDense() throws IOException {
    System.setProperty(Float8.EMULATED, "unrounded");
    Path merged = folder.resolve("merged");
    Path base = folder.resolve("base");
    float[] adapted;
    float[] plain;
    try (PeftModel model = load("llama", Float8.TWO_LAYOUTS)) {
      plain = logits(model);
      model.adapt(LORA);
      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 11);
      adapted = logits(model);
      model.saveBase(base.toString()).saveMerged(merged.toString());
      assertThat(inEightBits(model)).isNotEmpty();
      assertThat(logits(model)).isEqualTo(adapted);
    }
    assertThat(adapted).isNotEqualTo(plain);
    try (PeftModel model = Peft.load(merged.toString())) {
      assertThat(logits(model)).containsExactly(adapted, within(1e-4f));
    }
    try (PeftModel model = Peft.load(base.toString())) {
      assertThat(logits(model)).containsExactly(plain, within(1e-4f));
    }
  }

  @Test
  void aMergedWeightIsDenseFromThenOn() throws IOException {
    System.setProperty(Float8.EMULATED, "unrounded");
    LoraConfig queries = LoraConfig.ofRank(2).targetModules("q_proj");
    try (PeftModel model = load("llama", Float8.TWO_LAYOUTS).adapt(queries)) {
      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 11);
      float[] adapted = logits(model);

      model.mergeAndUnload();

      assertThat(inEightBits(model))
          .extracting(ParameterSite::name)
          .isNotEmpty()
          .noneMatch(name -> name.contains("q_proj"));
      assertThat(logits(model)).containsExactly(adapted, within(1e-4f));
    }
  }

  @Test
  void severalAdaptersShareTheWeights() throws IOException {
    System.setProperty(Float8.EMULATED, "unrounded");
    try (PeftModel model = load("llama", Float8.ONE_LAYOUT)) {
      model.adapt("one", LORA).adapt("two", LORA);
      MethodContract.perturb(model.adapter("one"), 11);
      MethodContract.perturb(model.adapter("two"), 12);
      float[] two = logits(model.activate("two"));
      float[] one = logits(model.activate("one"));

      assertThat(one).isNotEqualTo(two);
      assertThat(logits(model.activate("two"))).isEqualTo(two);
    }
  }

  /** The logits after each token of a text, read in one pass or written step by step. */
  @ParameterizedTest
  @ValueSource(strings = {"llama", "qwen2", "gpt2", "gpt_neox"})
  void aTextIsWrittenAsItIsRead(String family) throws IOException {
    System.setProperty(Float8.EMULATED, "unrounded");
    long[] text = {9, 4, 7, 12, 3, 8};
    try (PeftModel model = load(family, Float8.ONE_LAYOUT).adapt(LORA)) {
      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 11);
      WrittenAsRead.check(model, text);
    }
  }

  /** No array of a pass or a merge is left. */
  @Test
  void denseCopiesAreFreed() throws IOException {
    try (PeftModel model = load("llama", Float8.ONE_LAYOUT).adapt(LORA.useDora(true))) {
      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 11);
      TinyStep.of(model, false);
      model.saveMerged(folder.resolve("merged").toString());
      long before = Tensors.live();
      TinyStep.of(model, false);
      logits(model);
      model.saveMerged(folder.resolve("merged").toString());

      assertThat(Tensors.live()).isEqualTo(before);
    }
  }

  @Test
  void aCpuIsRefusedBeforeAnythingIsLoaded() {
    System.clearProperty(Float8.EMULATED);

    assertThatIllegalArgumentException()
        .isThrownBy(() -> load("llama", Float8.TWO_LAYOUTS))
        .withMessageContaining("compute capability 8.9");
  }
}
