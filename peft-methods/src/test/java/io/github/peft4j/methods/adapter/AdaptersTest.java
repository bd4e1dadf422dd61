package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;
import static org.assertj.core.api.Assertions.within;

import ai.djl.modality.Classifications;
import ai.djl.ndarray.BaseNDManager;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.ModelStatus;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.TextModel;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.data.TextPair;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.bottleneck.BottleneckConfig;
import io.github.peft4j.methods.fusion.FusionConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.methods.prefixtuning.PrefixTuningConfig;
import io.github.peft4j.methods.prompttuning.PromptTuningConfig;
import io.github.peft4j.train.optimizer.AdamW;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.Trainable;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Many adapters on one model: added, removed, swapped, frozen, listed. */
class AdaptersTest {

  private static final LoraConfig RANDOM =
      LoraConfig.ofRank(2).targetModules("all-linear").initLoraWeights(LoraInitialization.RANDOM);

  @TempDir Path folder;

  private PeftModel llama() {
    Path origin = TinyModels.copy("tiny-llama", folder.resolve("llama"));
    return Peft.from(origin).precision(Precision.FLOAT32).load();
  }

  private static ModelInput input(TextModel model) {
    return ModelInput.of(
        model.base().manager().create(new long[] {4, 9, 30, 7, 12, 5}, new Shape(2, 3)));
  }

  private static float[] logits(TextModel model) {
    ModelInput input = input(model);
    try (NDArray ids = input.ids();
        NDArray logits = model.logits(input)) {
      return Tensors.floats(logits);
    }
  }

  private static int live(PeftModel model) {
    return ((BaseNDManager) model.base().manager()).getManagedArrays().size();
  }

  @Test
  void swappingAdaptersLeavesNoMemoryBehind() {
    try (PeftModel model = llama()) {
      model.adapt("stays", RANDOM);
      List<PeftConfig> configs =
          List.of(
              RANDOM,
              RANDOM.useDora(true),
              BottleneckConfig.houlsby().reductionFactor(4),
              PrefixTuningConfig.ofVirtualTokens(3).prefixProjection(true).encoderHiddenSize(6));
      for (int i = 0; i < configs.size(); i++) {
        model.adapt("a" + i, configs.get(i)).save("a" + i, folder.resolve("a" + i)).remove("a" + i);
      }
      float[] stays = logits(model.activate("stays"));
      swap(model, configs.size());
      int here = live(model);
      long everywhere = Tensors.live();
      for (int i = 0; i < 50; i++) {
        swap(model, configs.size());
      }
      assertThat(live(model)).isEqualTo(here);
      assertThat(Tensors.live()).isEqualTo(everywhere);
      assertThat(logits(model)).isEqualTo(stays);
      assertThat(model.adapters()).containsOnlyKeys("stays");
    }
  }

  private void swap(PeftModel model, int adapters) {
    for (int i = 0; i < adapters; i++) {
      model.loadAdapter("next", folder.resolve("a" + i));
      logits(model);
      logits(model.activate(Composition.perRow("stays", Composition.BASE)));
      model.remove("next").activate("stays");
    }
  }

  @Test
  void aFrozenAdapterIsNotTrained() {
    try (PeftModel model = llama()) {
      model.adapt("a", RANDOM).adapt("b", RANDOM).activate("a", "b").freeze("a");
      assertThat(model.trainables()).isEqualTo(model.adapter("b").trainables());
      assertThat(model.trainableParameters().trainable()).isEqualTo(model.adapter("b").size());
      List<float[]> before = values(model, "a");
      assertThat(gradients(model, "a")).isFalse();
      List<float[]> after = values(model, "a");
      for (int i = 0; i < before.size(); i++) {
        assertThat(after.get(i)).isEqualTo(before.get(i));
      }
      assertThat(gradients(model, "b")).isTrue();
      model.unfreeze("a");
      assertThat(gradients(model, "a")).isTrue();
    }
  }

  /** Whether a step sends gradients to an adapter. */
  private static List<float[]> values(PeftModel model, String name) {
    return model.adapter(name).trainables().stream().map(t -> Tensors.floats(t.value())).toList();
  }

  private static boolean gradients(PeftModel model, String name) {
    model.trainables().forEach(Trainable::clearGradient);
    LossTargets targets = new LossTargets.NextTokens(new long[][] {{4, 9, 30}, {7, 12, 5}});
    new Backpropagation(model, Activations.KEPT).run(input(model), targets, 1, 0);
    return model.adapter(name).trainables().stream()
        .anyMatch(
            tensor -> {
              try (NDArray gradient = Autograd.gradient(tensor.value())) {
                return gradient != null && gradient.abs().sum().getFloat() > 0;
              }
            });
  }

  @Test
  void theStatusSaysWhatEachAdapterDoes() {
    try (PeftModel model = llama()) {
      model.adapt("a", RANDOM).adapt("b", PromptTuningConfig.ofVirtualTokens(3));
      model.freeze("b").activate("a");
      ModelStatus status = model.status();
      assertThat(status.adapters())
          .extracting(
              ModelStatus.AdapterStatus::name,
              ModelStatus.AdapterStatus::type,
              ModelStatus.AdapterStatus::active,
              ModelStatus.AdapterStatus::trainable,
              ModelStatus.AdapterStatus::merged)
          .containsExactly(
              tuple("a", "LORA", true, true, false),
              tuple("b", "PROMPT_TUNING", false, false, false));
      assertThat(status.layers())
          .filteredOn(layer -> layer.name().equals("model.layers.0.self_attn.q_proj"))
          .singleElement()
          .isEqualTo(
              new ModelStatus.LayerStatus(
                  "model.layers.0.self_attn.q_proj", "LinearSite", Map.of("a", "LoraLinear")));
      assertThat(status.toString())
          .contains("LlamaForCausalLM")
          .containsPattern("a +LORA +yes +yes +no +[0-9,]+ +14 +cpu");
      assertThat(model.merge().status().adapters().get(0))
          .matches(a -> a.merged() && !a.active(), "merged and no longer active");
      assertThat(model.status().toString()).contains("; merged: a").doesNotContain("; active:");
    }
  }

  @Test
  void targetsThatMatchNothingSayWhichFieldIsWrong() {
    try (PeftModel model = llama()) {
      assertThatThrownBy(() -> model.adapt(LoraConfig.ofRank(2).layersToTransform(99)))
          .hasMessageContaining("in layers_to_transform [99] match no module");
      assertThatThrownBy(
              () ->
                  model.adapt(
                      LoraConfig.ofRank(2).targetModules("q_proj").excludeModules("q_proj")))
          .hasMessageContaining("[q_proj] without exclude_modules [q_proj] match no module");
      assertThatThrownBy(
              () ->
                  model.adapt(LoraConfig.ofRank(2).targetModules(TargetModules.matching("q_proj"))))
          .hasMessageContaining("has to match a module's whole name");
    }
  }

  @Test
  void aCompositionHoldsForOneCall() {
    try (PeftModel model = llama()) {
      model.adapt("a", RANDOM).adapt("b", RANDOM);
      float[] b = logits(model);
      float[] a = logits(model.activate("a"));
      Map<String, NDArray> each = model.logitsOfEach(input(model), "b", "a");
      assertThat(Tensors.floats(Objects.requireNonNull(each.get("a"))))
          .containsExactly(a, within(1e-5f));
      assertThat(Tensors.floats(Objects.requireNonNull(each.get("b"))))
          .containsExactly(b, within(1e-5f));
      each.values().forEach(NDArray::close);
      assertThat(model.active()).isEqualTo(Composition.of("a"));
      model.disable();
      assertThat(logits(model.using("b"))).isEqualTo(b);
      assertThat(model.active()).isEqualTo(Composition.NONE);
      assertThat(logits(model.enable())).isEqualTo(a);
    }
  }

  @Test
  void whatCannotBeComposedLeavesTheModelAsItWas() {
    try (PeftModel model = llama()) {
      model
          .adapt("p", PromptTuningConfig.ofVirtualTokens(3))
          .adapt("q", PromptTuningConfig.ofVirtualTokens(4));
      float[] q = logits(model);
      assertThatThrownBy(() -> model.activate(Composition.perRow("p", "q")))
          .hasMessageContaining("{[p]=3, [q]=4}");
      assertThat(logits(model)).isEqualTo(q);
      assertThatThrownBy(() -> model.activate("p", "x"))
          .hasMessageContaining("there is no adapter 'x'; there are [p, q]");
      assertThatThrownBy(() -> model.adapt(Composition.BASE, RANDOM))
          .hasMessageContaining("means the frozen model alone");
      assertThatThrownBy(() -> model.using(Composition.BASE).logits(input(model)))
          .hasMessageContaining("for all rows, take Composition.NONE");
    }
  }

  @Test
  void eachPromptOfABatchHasAnAdapter() {
    GenerationConfig config = GenerationConfig.greedy().maxNewTokens(6);
    List<String> prompts = List.of("w4 w9 w30", "w7", "w12 w5");
    try (PeftModel model = llama()) {
      model.adapt("a", RANDOM).adapt("b", RANDOM);
      List<String> expected =
          List.of(
              model.activate("b").generate(prompts.get(0), config).text(),
              model.disable().generate(prompts.get(1), config).text(),
              model.activate("a").generate(prompts.get(2), config).text());
      Composition rows = Composition.perRow("b", Composition.BASE, "a");
      assertThat(model.using(rows).generate(prompts, config))
          .extracting(generation -> generation.text())
          .isEqualTo(expected);
      model.activate(Composition.parallel("a", "b"));
      assertThatThrownBy(() -> model.generate("w4"))
          .hasMessageContaining("parallel(a, b) writes several texts for a prompt");
    }
  }

  @Test
  void eachTextOfABatchHasAnAdapterWithItsClassifier() {
    Path origin = TinyModels.copy("tiny-bert", folder.resolve("bert"));
    try (PeftModel model = Peft.from(origin).load()) {
      model.adapt("a", RANDOM).adapt("b", RANDOM);
      String first = "w4 w9 w30 w5 w6";
      String second = "w7";
      Classifications b = model.classify(first);
      Classifications a = model.activate("a").classify(second);
      List<Classifications> both =
          model.using(Composition.perRow("b", "a")).classify(List.of(first, second));
      assertThat(both.get(0).get("LABEL_1").getProbability())
          .isCloseTo(b.get("LABEL_1").getProbability(), within(1e-5));
      assertThat(both.get(1).get("LABEL_1").getProbability())
          .isCloseTo(a.get("LABEL_1").getProbability(), within(1e-5));
      List<Classifications> each =
          model.using(Composition.parallel("b", "a")).classify(List.of(second));
      assertThat(each).hasSize(2);
      model.activate(Composition.parallel(List.of("b", "a")));
      assertThatThrownBy(() -> model.classify(second))
          .hasMessageContaining("parallel(b, a) gives several answers for a text");
      assertThatThrownBy(() -> model.classify(new TextPair(first, second)))
          .hasMessageContaining("parallel(b, a) gives several answers for a text");
      assertThat(each.get(1).get("LABEL_1").getProbability())
          .isCloseTo(a.get("LABEL_1").getProbability(), within(1e-5));
    }
  }

  @Test
  void aRenamedAdapterIsTheSame() {
    try (PeftModel model = llama()) {
      model.adapt("a", RANDOM).adapt("b", RANDOM).freeze("b");
      List<Composition> compositions =
          List.of(
              Composition.of("a"),
              Composition.stack(List.of("b", "a")),
              Composition.average("a", "b").weights(3, 1),
              Composition.batchSplit(List.of(1, 1), "b", "a"),
              Composition.perRow(Composition.BASE, "a"));
      for (Composition composition : compositions) {
        float[] before = logits(model.activate(composition));
        model.rename("a", "renamed");
        assertThat(model.active().toString())
            .isEqualTo(composition.toString().replaceAll("\\ba\\b", "renamed"));
        assertThat(logits(model)).isEqualTo(before);
        assertThat(model.adapters().keySet()).containsExactly("renamed", "b");
        model.rename("renamed", "a");
        assertThat(logits(model.activate(composition))).isEqualTo(before);
      }
      model.activate("a").disable().rename("b", "c");
      float[] base = logits(model);
      assertThat(model.adapter("c").isFrozen()).isTrue();
      assertThat(model.adapter("c").name()).isEqualTo("c");
      assertThat(logits(model.enable())).isNotEqualTo(base);
      assertThat(model.status().toString()).contains("c ").doesNotContain("b ");
      model.save("c", folder.resolve("c")).remove("c").loadAdapter("b", folder.resolve("c"));
      assertThatThrownBy(() -> model.rename("a", "b"))
          .hasMessageContaining("there is an adapter 'b' already");
      assertThatThrownBy(() -> model.rename("x", "y"))
          .hasMessageContaining("there is no adapter 'x'; there are [a, b]");
      assertThatThrownBy(() -> model.rename("a", Composition.BASE))
          .hasMessageContaining("means the frozen model alone");
      float[] adapted = logits(model.activate("a"));
      float[] merged = logits(model.merge());
      assertThat(logits(model.rename("a", "y"))).isEqualTo(merged);
      assertThat(logits(model.unmerge())).isEqualTo(adapted);
      assertThat(model.active().toString()).isEqualTo("y");
    }
  }

  @Test
  void whatAFusionIsMadeOfKeepsItsNameAndStays() {
    try (PeftModel model = llama()) {
      BottleneckConfig config = BottleneckConfig.pfeiffer().reductionFactor(4);
      model.adapt("a", config).adapt("b", config).adapt("mix", FusionConfig.of("a", "b"));
      float[] before = logits(model);
      assertThatThrownBy(() -> model.rename("a", "c"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("'mix' (ADAPTER_FUSION) refers to 'a' by this name");
      assertThatThrownBy(() -> model.remove("b"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("'mix' (ADAPTER_FUSION) refers to 'b' and cannot compute without");
      assertThat(logits(model)).isEqualTo(before);
      model.rename("mix", "mixture");
      assertThat(logits(model)).isEqualTo(before);
      assertThat(model.active().adapters()).containsExactlyInAnyOrder("a", "b", "mixture");
      assertThat(logits(model.activate(model.adapter("mixture").composition()))).isEqualTo(before);
      model.remove("mixture").remove("b").remove("a");
      assertThat(model.adapters()).isEmpty();
    }
  }

  @Test
  void trainingGoesOnUnderAnotherName() {
    try (PeftModel model = llama();
        PeftModel other = Peft.from(folder.resolve("llama")).precision(Precision.FLOAT32).load()) {
      train(model.adapt("a", RANDOM), 2);
      train(model.rename("a", "b"), 2);
      train(other.adapt("a", RANDOM), 2);
      train(other, 2);
      assertThat(logits(model)).isEqualTo(logits(other));
    }
  }

  private static void train(PeftModel model, int steps) {
    try (AdamW optimizer = AdamW.of(model.trainables(), 0.01)) {
      for (int step = 0; step < steps; step++) {
        long[][] labels = {{4, 9, 30}, {7, 12, 5}};
        new Backpropagation(model, Activations.RECOMPUTED)
            .run(input(model), new LossTargets.NextTokens(labels), 0.2, step);
        optimizer.update(0.01);
        optimizer.gradients().clear();
      }
    }
  }
}
