package io.github.peft4j.methods.lora.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.factors.Factored;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.optimizer.AdamW;
import io.github.peft4j.train.optimizer.Update;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.training.ParameterGroup;
import io.github.peft4j.tuner.training.Step;
import io.github.peft4j.tuner.training.StepListener;
import io.github.peft4j.tuner.training.TrainingRule;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** LoRA+ and LoRA-FA. */
class TrainingRulesTest {

  private static final ParameterGroup USUAL = new ParameterGroup(1e-3, 0.1);
  private static final long[][] IDS = {{5, 6, 7, 8, 9}, {9, 4, 30, 5, 11}};

  @TempDir Path folder;

  private static PeftModel model(LoraConfig config) {
    return Peft.load(TinyModels.golden("tiny-bert").toString()).adapt(config);
  }

  private static LoraConfig everything() {
    return LoraConfig.ofRank(2).targetModules("query", "word_embeddings").bias("lora_only");
  }

  private static Map<Trainable, ParameterGroup> groups(Adapter adapter, TrainingRule rule) {
    Map<Trainable, ParameterGroup> groups = new LinkedHashMap<>();
    adapter
        .tensors()
        .forEach(
            (name, tensor) ->
                rule.groupOf(name, tensor, USUAL).ifPresent(group -> groups.put(tensor, group)));
    return groups;
  }

  @Test
  void loraPlusHasTheGroupsOfPeft() {
    try (PeftModel model = model(everything())) {
      groups(model.adapter("default"), LoraPlus.ofRatio(16).embeddings(1e-5))
          .forEach(
              (tensor, group) -> {
                ParameterGroup expected =
                    switch (tensor.key()) {
                      case "lora_A.weight" -> USUAL;
                      case "lora_B.weight" -> new ParameterGroup(1.6e-2, 0.1);
                      case "lora_embedding_A", "lora_embedding_B" -> new ParameterGroup(1e-5, 0.1);
                      default ->
                          tensor.value().getShape().dimension() == 1
                              ? new ParameterGroup(1.6e-2, 0) // biases
                              : USUAL; // the classifier's weight
                    };
                assertThat(group).as(tensor.toString()).isEqualTo(expected);
              });
    }
    assertThatThrownBy(() -> LoraPlus.ofRatio(0)).hasMessageContaining("a ratio above 0");
  }

  private static void gradients(PeftModel model) {
    ModelInput input = ModelInput.of(model.base().manager(), IDS, null);
    new Backpropagation(model, Activations.KEPT)
        .run(input, new LossTargets.Classes(new long[] {0, 2}), 0.5, 7);
  }

  private static Map<String, float[]> trained(PeftModel model) {
    Map<String, float[]> values = new LinkedHashMap<>();
    model
        .adapter("default")
        .tensors()
        .forEach((name, tensor) -> values.put(name, Tensors.floats(tensor.value())));
    return values;
  }

  /** One optimizer of two groups does what two optimizers do. */
  @Test
  void groupsAreTrainedAsIfEachHadAnOptimizer() {
    LoraConfig config = LoraConfig.ofRank(2).targetModules("query");
    Map<String, float[]> together;
    try (PeftModel model = model(config);
        AdamW optimizer =
            AdamW.DEFAULT.of(
                groups(model.adapter("default"), LoraPlus.ofRatio(8)), USUAL.learningRate())) {
      for (int step = 0; step < 4; step++) {
        gradients(model);
        optimizer.update(USUAL.learningRate() * (4 - step) / 4);
        optimizer.gradients().clear();
      }
      together = trained(model);
    }
    try (PeftModel model = model(config)) {
      Map<ParameterGroup, List<Trainable>> apart = new LinkedHashMap<>();
      groups(model.adapter("default"), LoraPlus.ofRatio(8))
          .forEach(
              (tensor, group) ->
                  apart.computeIfAbsent(group, g -> new java.util.ArrayList<>()).add(tensor));
      assertThat(apart).hasSize(3);
      Map<ParameterGroup, AdamW> optimizers = new LinkedHashMap<>();
      apart.forEach(
          (group, tensors) -> optimizers.put(group, AdamW.of(tensors, group.weightDecay())));
      for (int step = 0; step < 4; step++) {
        gradients(model);
        double part = (4 - step) / 4.0;
        optimizers.forEach(
            (group, optimizer) -> {
              optimizer.update(group.learningRate() * part);
              optimizer.gradients().clear();
            });
      }
      optimizers.values().forEach(AdamW::close);
      trained(model)
          .forEach(
              (name, values) ->
                  assertThat(values)
                      .as(name)
                      .containsExactly(
                          together.get(name), org.assertj.core.data.Offset.offset(1e-7f)));
    }
  }

  /** 1/s² · g (A Aᵀ)⁻¹ times A Aᵀ is g / s² again. */
  @Test
  void loraFaCorrectsTheGradientOfB() {
    try (PeftModel model = model(LoraConfig.ofRank(3).loraAlpha(6).targetModules("query"));
        AdamW optimizer = AdamW.of(model.trainables(), 0)) {
      StepListener listener = model.adapter("default").listener(new LoraFa());
      gradients(model);
      Factored layer =
          (Factored)
              model.adapter("default").rewrites().stream()
                  .filter(rewrite -> rewrite.site().name().endsWith("layer.0.attention.self.query"))
                  .findFirst()
                  .orElseThrow()
                  .layer();
      float[] a = Tensors.floats(layer.factors().trainedA().value());
      NDArray b = layer.factors().trainedB().value();
      float[] before = gradient(b);
      float[][] after = new float[1][];
      new Update(optimizer, StepListener.all(List.of(listener, reading(b, after))), 0)
          .run(1, 1, 0, 0);
      listener.afterTraining();
      double largest = 0;
      for (int row = 0; row < 16; row++) {
        for (int j = 0; j < 3; j++) {
          double sum = 0;
          for (int k = 0; k < 3; k++) {
            double square = k == j ? 1e-8 : 0;
            for (int i = 0; i < 16; i++) {
              square += (double) a[k * 16 + i] * a[j * 16 + i];
            }
            sum += after[0][row * 3 + k] * square;
          }
          double expected = before[row * 3 + j] / 4; // s = 2
          assertThat(sum).isCloseTo(expected, within(1e-5 * Math.abs(expected) + 1e-7));
          largest = Math.max(largest, Math.abs(expected));
        }
      }
      assertThat(largest).isGreaterThan(1e-5);
    }
  }

  /** A listener that copies a tensor's gradient before it is used. */
  private static StepListener reading(NDArray tensor, float[][] gradient) {
    return new StepListener() {
      @Override
      public void beforeUpdate(Step step) {
        gradient[0] = gradient(tensor);
      }
    };
  }

  private static float[] gradient(NDArray tensor) {
    try (NDArray gradient = Objects.requireNonNull(Autograd.gradient(tensor))) {
      return Tensors.floats(gradient);
    }
  }

  /**
   * PyTorch refuses a backward pass for which it kept a tensor that has been overwritten since:
   * LoRA keeps the module's input, LoRA-FA does not.
   */
  @Test
  void loraFaDoesNotKeepTheInput() {
    for (boolean dora : new boolean[] {false, true}) {
      LoraConfig config = LoraConfig.ofRank(2).targetModules("query");
      try (PeftModel model = model(dora ? config.useDora(true) : config)) {
        Consumer<Boolean> wayBack = resting -> wayBack(model, resting);
        assertThatThrownBy(() -> wayBack.accept(false))
            .isInstanceOf(EngineException.class)
            .hasMessageContaining("modified by an inplace operation");
        wayBack.accept(true);
      }
    }
  }

  private static void wayBack(PeftModel model, boolean resting) {
    LinearSite site =
        Objects.requireNonNull(
            model.base().site(LinearSite.class, "bert.encoder.layer.0.attention.self.query"));
    for (Trainable tensor : model.trainables()) {
      if (tensor.key().equals("lora_A.weight")) {
        tensor.freeze(resting);
      }
    }
    try (ModelCall call = model.newCall();
        Pass pass = call.pass();
        Scope scope = new Scope()) {
      NDArray x = Autograd.leaf(model.base().manager().ones(new Shape(2, 5, 16)));
      NDArray y = Autograd.record(true, () -> site.forward(x, pass));
      Tensors.copy(x, model.base().manager().zeros(x.getShape()));
      Autograd.backward(y, Tensors.onesLike(y));
      assertThat(Autograd.gradient(x)).isNotNull();
      Factored layer = (Factored) Objects.requireNonNull(model.adapter("default").layer(site));
      assertThat(Autograd.gradient(layer.factors().trainedB().value())).isNotNull();
    }
  }

  private FineTuner tuner(PeftModel model, TrainingRule rule) {
    List<TextExample> texts =
        IntStream.range(0, 24)
            .mapToObj(
                i -> new TextExample("w" + (3 + i % 6) + " w" + (4 + i % 6) + " w" + (5 + i % 6)))
            .toList();
    return FineTuner.of(model)
        .on(Examples.of(texts))
        .epochs(8)
        .learningRate(5e-3)
        .rule(rule)
        .checkpointTo(folder.resolve(rule.getClass().getSimpleName()))
        .quiet();
  }

  @Test
  void fineTunerFollowsRules() {
    Path base = TinyModels.copy("tiny-llama", folder.resolve("llama"));
    LoraConfig config = LoraConfig.ofRank(4).targetModules("all-linear");
    for (TrainingRule rule : new TrainingRule[] {new LoraFa(), LoraPlus.ofRatio(4)}) {
      try (PeftModel model = Peft.load(base.toString()).adapt(config)) {
        Map<String, float[]> before = trained(model);
        List<Double> losses = tuner(model, rule).run().losses();
        assertThat(losses.get(losses.size() - 1)).isLessThan(0.9 * losses.get(0));
        boolean rests = rule instanceof LoraFa;
        trained(model)
            .forEach(
                (name, values) -> {
                  boolean same = java.util.Arrays.equals(values, before.get(name));
                  assertThat(same).as(name).isEqualTo(rests && name.contains("lora_A"));
                });
        assertThat(model.trainables()).allMatch(tensor -> tensor.value().hasGradient());
        assertThatThrownBy(() -> tuner(model, rule).rule(LoraPlus.ofRatio(2)).run())
            .hasMessageContaining("another parameter_groups");
      }
    }
  }

  @Test
  void rulesThatLeaveNothingAreRefused() {
    Path base = TinyModels.copy("tiny-llama", folder.resolve("llama"));
    try (PeftModel model = Peft.load(base.toString()).adapt(LoraConfig.ofRank(2))) {
      assertThatThrownBy(
              () -> tuner(model, (name, tensor, usual) -> java.util.Optional.empty()).run())
          .hasMessageContaining("leaves nothing");
    }
  }
}
