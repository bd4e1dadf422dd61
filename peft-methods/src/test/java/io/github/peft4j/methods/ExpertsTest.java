package io.github.peft4j.methods;

import static io.github.peft4j.methods.adapter.Closeness.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.combine.Combination;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adalora.AdaLoraConfig;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Models with experts, and adapters on the experts' tensors. */
class ExpertsTest {

  private static final long[][] IDS = {{5, 6, 7, 8, 9, 10}, {9, 4, 30, 5, 0, 0}};
  private static final long[][] MASK = {{1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 0, 0}};
  private static final LossTargets TARGETS =
      new LossTargets.NextTokens(
          new long[][] {
            {5, 6, 7, 8, 9, 10}, {9, 4, 30, 5, LossTargets.IGNORED, LossTargets.IGNORED}
          });
  private static final LoraConfig ON_EXPERTS =
      LoraConfig.ofRank(2)
          .targetModules("q_proj")
          .targetParameters("mlp.experts.gate_up_proj", "mlp.experts.down_proj")
          .initLoraWeights(LoraInitialization.RANDOM);

  @TempDir Path folder;

  private static PeftModel load(String name) {
    return Peft.load(TinyModels.golden(name).toString());
  }

  private static float[] logits(PeftModel model) {
    try (Scope scope = new Scope()) {
      return Tensors.floats(model.logits(input(model)));
    }
  }

  private static ModelInput input(PeftModel model) {
    return ModelInput.of(model.base().manager(), IDS, MASK);
  }

  private static Map<String, float[]> tensors(Path folder) {
    Map<String, float[]> tensors = new TreeMap<>();
    try (Safetensors file = Safetensors.open(folder.resolve("model.safetensors"))) {
      file.names().forEach(name -> tensors.put(name, file.floats(name)));
    }
    return tensors;
  }

  @Test
  void expertsAreOneTensorOfALayerAndNoLinearMaps() {
    try (PeftModel model = load("tiny-qwen3-moe")) {
      assertThat(model.base().parameters().map(ParameterSite::name))
          .contains(
              "model.layers.0.mlp.up_proj.weight",
              "model.layers.1.mlp.gate.weight",
              "model.layers.1.mlp.experts.gate_up_proj",
              "model.layers.1.mlp.experts.down_proj");
      assertThat(model.base().sites().filter(LinearSite.class::isInstance))
          .noneMatch(site -> site.name().startsWith("model.layers.1.mlp"));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny-mixtral", "tiny-qwen3-moe"})
  void aSavedModelHasTheTensorsThatItWasLoadedFrom(String name) {
    try (PeftModel model = load(name)) {
      model.saveMerged(folder.toString());
    }
    Map<String, float[]> before = tensors(TinyModels.golden(name));
    Map<String, float[]> after = tensors(folder);
    assertThat(after.keySet()).isEqualTo(before.keySet());
    before.forEach((tensor, values) -> assertThat(after.get(tensor)).as(tensor).isEqualTo(values));
  }

  @Test
  void mergedExpertsAreSavedOneByOne() {
    float[] expected;
    try (PeftModel model = load("tiny-mixtral").adapt(ON_EXPERTS)) {
      long live = Tensors.live();
      expected = logits(model);
      model.saveMerged(folder.toString());
      assertThat(Tensors.live()).isEqualTo(live);
    }
    try (PeftModel merged = Peft.load(folder.toString())) {
      assertClose("merged", logits(merged), expected, 1e-5);
    }
  }

  /** As transformers holds them in memory, and other programs write them. */
  @Test
  void stackedTensorsAreReadToo() throws IOException {
    float[] expected;
    SafetensorsWriter writer = new SafetensorsWriter();
    try (PeftModel model = load("tiny-mixtral")) {
      expected = logits(model);
      for (ParameterSite site : model.base().parameters().toList()) {
        writer.add(site.name(), site.shape().getShape(), Tensors.floats(site.frozen()));
      }
    }
    Files.copy(
        TinyModels.golden("tiny-mixtral").resolve("config.json"), folder.resolve("config.json"));
    writer.write(folder.resolve("model.safetensors"));
    try (PeftModel model = Peft.load(folder.toString())) {
      assertThat(logits(model)).isEqualTo(expected);
    }
  }

  @Test
  void aMissingExpertIsNamed() throws IOException {
    Files.copy(
        TinyModels.golden("tiny-mixtral").resolve("config.json"), folder.resolve("config.json"));
    String lost = "model.layers.1.block_sparse_moe.experts.2.w3.weight";
    SafetensorsWriter writer = new SafetensorsWriter();
    try (Safetensors file =
        Safetensors.open(TinyModels.golden("tiny-mixtral").resolve("model.safetensors"))) {
      for (String name : file.names()) {
        if (!name.equals(lost)) {
          writer.add(name, file.info(name).shape(), file.floats(name));
        }
      }
      writer.write(folder.resolve("model.safetensors"));
    }
    assertThatThrownBy(() -> Peft.load(folder.toString()))
        .hasMessageContaining("missing " + lost + " [24, 16]");
  }

  static Stream<Arguments> refusedFields() {
    return Stream.of(
        Arguments.of(
            "\"output_router_logits\": false", "\"output_router_logits\": true", "auxiliary loss"),
        Arguments.of(
            "\"router_jitter_noise\": 0.0", "\"router_jitter_noise\": 0.1", "expected 0.0"),
        Arguments.of(
            "\"num_experts_per_tok\": 2",
            "\"num_experts_per_tok\": 5",
            "at most the number of experts, 4"),
        Arguments.of(
            "\"num_local_experts\": 4",
            "\"num_local_experts\": 4, \"num_experts\": 8",
            "the same as num_local_experts, 4"));
  }

  @ParameterizedTest
  @MethodSource("refusedFields")
  void whatIsNotComputedIsRefusedByName(String from, String to, String message) throws IOException {
    String config = Files.readString(TinyModels.golden("tiny-mixtral").resolve("config.json"));
    assertThat(config).contains(from);
    Files.writeString(folder.resolve("config.json"), config.replace(from, to));
    Files.copy(
        TinyModels.golden("tiny-mixtral").resolve("model.safetensors"),
        folder.resolve("model.safetensors"));
    assertThatThrownBy(() -> Peft.load(folder.toString()))
        .isInstanceOfAny(UnsupportedModelException.class, IllegalArgumentException.class)
        .hasMessageContaining(to.replaceFirst(".*\"(\\w+)\":.*", "$1"))
        .hasMessageContaining(message);
  }

  static Stream<Arguments> refusedConfigs() {
    LoraConfig all = LoraConfig.ofRank(2).targetModules("all-linear");
    return Stream.of(
        Arguments.of("tiny-mixtral", all.useDora(true), "field 'use_dora' is true; expected false"),
        Arguments.of(
            "tiny-mixtral", all.loraDropout(0.1), "field 'lora_dropout' is 0.1; expected 0"),
        Arguments.of("tiny-mixtral", all.loraBias(true), "field 'lora_bias' is true"),
        Arguments.of(
            "tiny-mixtral",
            all.initLoraWeights(LoraInitialization.PISSA),
            "field 'init_lora_weights' is pissa"),
        Arguments.of(
            "tiny-mixtral",
            LoraConfig.ofRank(2).targetModules("w1", "w2"),
            "expected all of [w1, w3] or none"),
        Arguments.of(
            "tiny-mixtral",
            LoraConfig.ofRank(2).targetModules("w3"),
            "model.layers.0.mlp.experts.gate_up_proj"),
        Arguments.of("tiny-mixtral", AdaLoraConfig.ofRanks(4, 2).targetModules("w1"), "w1"));
  }

  @ParameterizedTest
  @MethodSource("refusedConfigs")
  void whatIsNotPossibleOnExpertsIsRefused(String name, PeftConfig config, String message) {
    try (PeftModel model = load(name)) {
      assertThatThrownBy(() -> model.adapt(config))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(message);
      assertThat(model.adapters()).isEmpty();
    }
  }

  /** PEFT resolves them to all layers; here an expression means what it matches. */
  @Test
  void anExpressionMeansTheExpertsThatItMatches() {
    try (PeftModel model = load("tiny-mixtral")) {
      model.adapt(
          LoraConfig.ofRank(2)
              .targetModules(
                  TargetModules.matching(".*\\.1\\.(self_attn\\.q_proj|mlp\\.experts\\.w.)")));
      Set<String> names = new TreeSet<>(model.adapter(PeftModel.DEFAULT).tensors().keySet());
      assertThat(names)
          .containsExactly(
              "base_model.model.model.layers.1.mlp.experts.base_layer.lora_A.weight",
              "base_model.model.model.layers.1.mlp.experts.base_layer.lora_B.weight",
              "base_model.model.model.layers.1.mlp.experts.lora_A.weight",
              "base_model.model.model.layers.1.mlp.experts.lora_B.weight",
              "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight",
              "base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight");
      Trainable a =
          model
              .adapter(PeftModel.DEFAULT)
              .tensors()
              .get("base_model.model.model.layers.1.mlp.experts.base_layer.lora_A.weight");
      assertThat(Objects.requireNonNull(a).value().getShape().get(0))
          .as("4 experts of twice the rank")
          .isEqualTo(16);
    }
  }

  /** Of transformers 4: PEFT converts it when it reads it. */
  @ParameterizedTest
  @ValueSource(strings = {"tiny-mixtral", "tiny-qwen3-moe"})
  void anAdapterOfSingleExpertsIsRead(String name) throws URISyntaxException {
    Path adapter =
        Path.of(
            Objects.requireNonNull(getClass().getResource("/golden-single-experts/" + name))
                .toURI());
    float[] expected;
    try (Safetensors io = Safetensors.open(adapter.resolve("io.safetensors"))) {
      expected = io.floats("logits");
    }
    try (PeftModel model = load(name).loadAdapter(adapter.toString())) {
      float[] read = logits(model);
      assertClose("logits", read, expected, 1e-4);
      model.save(folder.toString());
      try (PeftModel again = load(name).loadAdapter(folder.toString())) {
        assertThat(logits(again)).as("saved under today's names").isEqualTo(read);
      }
    }
  }

  @Test
  void adaptersOfExpertsAreComposedButNotByRowsAndNotCombined() {
    try (PeftModel model = load("tiny-mixtral").adapt("a", ON_EXPERTS).adapt("b", ON_EXPERTS)) {
      float[] average = logits(model.activate(Composition.average("a", "b")));
      assertClose("merged average", logits(model.merge()), average, 1e-4);
      model.unmerge();
      model.activate(Composition.batchSplit(List.of(1, 1), "a", "b"));
      assertThatThrownBy(() -> logits(model))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("model.layers.0.mlp.experts.gate_up_proj");
      assertThatThrownBy(() -> model.combine("c", Combination.of("a", "b")))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("changes a tensor that no linear module has");
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Precision.class,
      names = {"FLOAT16", "BFLOAT16"})
  void halfPrecisionIsClose(Precision precision) {
    Path golden = TinyModels.golden("tiny-mixtral");
    Path adapter = golden.resolve("lora-experts");
    float[] expected;
    try (PeftModel model = Peft.load(golden.toString()).loadAdapter(adapter.toString())) {
      expected = logits(model);
    }
    try (PeftModel model = Peft.from(golden).precision(precision).load()) {
      model.loadAdapter(adapter.toString());
      assertClose("logits", logits(model), expected, 3e-2);
    }
  }

  /** Also with tokens that are all sent to the same experts, so that the others have none. */
  @Test
  void trainingHoldsNoMoreArraysFromStepToStep() {
    for (boolean recompute : new boolean[] {false, true}) {
      try (PeftModel model = load("tiny-mixtral").adapt(ON_EXPERTS)) {
        Backpropagation backpropagation =
            new Backpropagation(model, recompute ? Activations.RECOMPUTED : Activations.KEPT);
        long[] live = new long[4];
        for (int step = 0; step < live.length; step++) {
          try (Scope scope = new Scope()) {
            ModelInput input = step % 2 == 0 ? input(model) : alike(model);
            LossTargets targets = step % 2 == 0 ? TARGETS : ALIKE_TARGETS;
            backpropagation.run(input, targets, 1.0 / model.count(targets), step);
          }
          model.trainables().forEach(Trainable::clearGradient);
          live[step] = Tensors.live();
        }
        assertThat(Arrays.stream(live).boxed().distinct()).as("live %s", recompute).hasSize(1);
      }
    }
  }

  private static final LossTargets ALIKE_TARGETS =
      new LossTargets.NextTokens(new long[][] {{7, 7, 7}});

  private static ModelInput alike(PeftModel model) {
    return ModelInput.of(model.base().manager(), new long[][] {{7, 7, 7}}, null);
  }
}
