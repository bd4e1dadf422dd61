package io.github.peft4j.methods;

import static io.github.peft4j.methods.adapter.Closeness.assertClose;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.methods.xlora.XLoraConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.Decoding;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.Trainable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** X-LoRA against PEFT's, and the adapters that it mixes. */
class XLoraTest {

  private static final Path BASE = TinyModels.golden("tiny-llama");

  @TempDir Path folder;

  static Stream<Arguments> cases() {
    XLoraConfig three = XLoraConfig.of("0", "1", "2").xloraDropoutP(0);
    return Stream.of(
        Arguments.of("xlora", XLoraConfig.of("0", "1", "2")),
        Arguments.of(
            "xlora-layerwise",
            three
                .xloraDepth(3)
                .xloraSize(6)
                .layerwiseScalings(true)
                .topKLora(2)
                .softmaxTemperature(0.5)
                .globalScalingWeight(1.7)),
        Arguments.of(
            "xlora-topk",
            three
                .xloraDepth(2)
                .xloraSize(5)
                .enableSoftmax(false)
                .enableSoftmaxTopk(true)
                .topKLora(2)
                .layerwiseScalings(true)));
  }

  private static PeftModel experts(String name) {
    return experts(BASE, name);
  }

  private static PeftModel experts(Path base, String name) {
    PeftModel model = Peft.from(base).precision(Precision.FLOAT32).load();
    for (String adapter : new String[] {"0", "1", "2"}) {
      model.loadAdapter(adapter, BASE.resolve(name).resolve(adapter));
    }
    return model;
  }

  private static long[][] rows(TensorSource source, String name) {
    long[] flat = source.longs(name);
    int width = (int) source.info(name).shape()[1];
    return IntStream.range(0, flat.length / width)
        .mapToObj(i -> Arrays.copyOfRange(flat, i * width, (i + 1) * width))
        .toArray(long[][]::new);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void logitsAndGradientsAreThoseOfPeft(String name, XLoraConfig config) throws IOException {
    try (TensorSource batch = Safetensors.open(BASE.resolve("io.safetensors"));
        TensorSource golden = Safetensors.open(BASE.resolve(name).resolve("xlora.safetensors"));
        PeftModel model = experts(name);
        PeftModel again = experts(name)) {
      model.adapt("mix", config);
      Map<String, Trainable> tensors = model.adapter("mix").tensors();
      assertThat(tensors.keySet())
          .isEqualTo(
              new TreeSet<>(
                  golden.names().stream().filter(n -> n.startsWith("base_model")).toList()));
      for (String key : tensors.keySet()) {
        NDArray value = requireNonNull(tensors.get(key)).value();
        try (NDArray theirs = value.getManager().create(golden.floats(key), value.getShape())) {
          Tensors.copy(value, theirs);
        }
      }
      ModelInput input =
          ModelInput.of(
              model.base().manager(), rows(batch, "input_ids"), rows(batch, "attention_mask"));
      float[] logits = logits(model, input);
      assertClose("logits", logits, golden.floats("logits"), 1e-4);

      LossTargets targets = new LossTargets.NextTokens(rows(batch, "labels"));
      double labels = model.count(targets);
      double loss =
          new Backpropagation(model, Activations.RECOMPUTED).run(input, targets, 1 / labels, 0)
              / labels;
      assertThat(loss).isCloseTo(golden.floats("loss")[0], within(1e-4));
      for (String key : tensors.keySet()) {
        try (NDArray gradient =
            requireNonNull(Autograd.gradient(requireNonNull(tensors.get(key)).value()))) {
          assertClose(key, Tensors.floats(gradient), golden.floats("grad." + key), 1e-3);
        }
      }
      model.save("mix", folder);
      again.loadAdapter("mix", folder);
      again.activate("mix");
      assertClose("loaded", logits(again, input), logits, 1e-6);
    }
  }

  private static float[] logits(PeftModel model, ModelInput input) {
    try (NDArray logits = model.logits(input)) {
      return Tensors.floats(logits);
    }
  }

  @Test
  void onlyTheClassifierIsTrainedAndGenerationReadsWholeTexts() {
    Path base = TinyModels.copy("tiny-llama", folder.resolve("llama"));
    try (PeftModel model = experts(base, "xlora")) {
      model.adapt("mix", XLoraConfig.of("0", "1", "2"));
      float[] expert = lora(model);
      FineTuner.of(model)
          .on(Examples.of(new PromptExample("w3 w4", " w5"), new PromptExample("w7", " w9")))
          .steps(4)
          .learningRate(0.1)
          .quiet()
          .run();
      assertThat(lora(model)).isEqualTo(expert);
      long[] ids = {5, 6, 7, 8, 9};
      ModelInput whole = ModelInput.of(model.base().manager(), new long[][] {ids}, null);
      float[] all = logits(model, whole);
      float[] last = Arrays.copyOfRange(all, all.length - all.length / 5, all.length);
      try (ModelCall call = model.newCall();
          Decoding decoding = call.decode(List.of(Arrays.copyOf(ids, 3)), 0)) {
        decoding.logits().close();
        decoding.append(new long[] {8}, new boolean[] {true});
        decoding.logits().close();
        decoding.append(new long[] {9}, new boolean[] {true});
        try (NDArray next = decoding.logits()) {
          assertClose("next", Tensors.floats(next), last, 1e-5);
        }
      }
    }
  }

  private static float[] lora(PeftModel model) {
    return Tensors.floats(model.adapter("0").tensors().values().iterator().next().value());
  }

  /** With even weights, the mixture of layers is their average, below a classifier of its own. */
  @Test
  void aModelWithClassesHasTheClassifierOfTheMixture() {
    try (PeftModel model = classifiers();
        PeftModel again = classifiers()) {
      model.adapt("mix", XLoraConfig.of("a", "b"));
      zero(model, "mix", "internal_xlora_classifier");
      ModelInput input = ModelInput.of(model.base().manager(), new long[][] {{5, 6, 7, 8}}, null);
      float[] average;
      try (NDArray logits = model.using(Composition.average("a", "b")).logits(input)) {
        average = Tensors.floats(logits);
      }
      float[] mixed = logits(model, input);
      assertClose("even weights", mixed, average, 1e-5);

      zero(model, "a", "model.classifier");
      assertThat(logits(model, input)).isEqualTo(mixed);
      zero(model, "mix", "model.classifier");
      assertThat(logits(model, input)).containsOnly(0);

      model.save("mix", folder);
      again.loadAdapter("mix", folder);
      again.activate("mix");
      assertThat(logits(again, input)).containsOnly(0);
    }
  }

  private static PeftModel classifiers() {
    LoraConfig lora = LoraConfig.ofRank(2).initLoraWeights(LoraInitialization.RANDOM);
    return Peft.from(TinyModels.golden("tiny-bert"))
        .task(Task.classification("no", "yes"))
        .load()
        .adapt("a", lora)
        .adapt("b", lora.targetModules("value", "intermediate.dense"));
  }

  private static void zero(PeftModel model, String adapter, String part) {
    List<String> keys =
        model.adapter(adapter).tensors().keySet().stream().filter(k -> k.contains(part)).toList();
    assertThat(keys).hasSize(2);
    for (String key : keys) {
      NDArray value = requireNonNull(model.adapter(adapter).tensors().get(key)).value();
      try (NDArray zeros = value.zerosLike()) {
        Tensors.copy(value, zeros);
      }
    }
  }

  @Test
  void whatCannotBeMixedIsRefused() {
    try (PeftModel model = experts("xlora")) {
      assertThatThrownBy(() -> model.adapt("mix", XLoraConfig.of("0")))
          .hasMessageContaining("two adapters at least");
      assertThatThrownBy(() -> model.adapt("mix", XLoraConfig.of("a", "b")))
          .hasMessageContaining("there is no 'a', load it first");
      assertThatThrownBy(() -> model.adapt("mix", XLoraConfig.of("0", "b")))
          .hasMessageContaining("there is no 'b', load it first");
      model.adapt("table", LoraConfig.ofRank(2).targetModules("embed_tokens", "q_proj"));
      assertThatThrownBy(() -> model.adapt("mix", XLoraConfig.of("0", "table")))
          .hasMessageContaining("but 'table' changes model.embed_tokens: train it without that");
    }
    try (PeftModel model = classifiers()) {
      model.adapt("pooled", LoraConfig.ofRank(2).modulesToSave("pooler"));
      assertThatThrownBy(() -> model.adapt("mix", XLoraConfig.of("a", "pooled")))
          .hasMessageContaining("but 'pooled' changes bert.pooler.dense.weight: train it without");
    }
  }
}
