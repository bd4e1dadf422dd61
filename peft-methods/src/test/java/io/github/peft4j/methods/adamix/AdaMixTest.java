package io.github.peft4j.methods.adamix;

import static io.github.peft4j.methods.train.Trainings.logits;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.PeftModel;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adamix.lora.AdaMixLoraConfig;
import io.github.peft4j.methods.bottleneck.BottleneckConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.train.Resuming;
import io.github.peft4j.methods.train.Trainings;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.evaluation.Evaluator;
import io.github.peft4j.train.evaluation.Metrics;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.Trainable;
import java.nio.file.Path;
import java.util.Objects;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AdaMixTest {

  private static final Offset<Float> CLOSE = Offset.offset(1e-5f);

  @TempDir Path folder;

  private static AdaMixConfig bottlenecks() {
    return AdaMixConfig.defaults().reductionFactor(4).dropout(0.1);
  }

  private static AdaMixLoraConfig loras() {
    return AdaMixLoraConfig.ofRank(2).sharingUp(false).loraDropout(0.1);
  }

  private static PeftConfig config(String name) {
    return name.equals("lora") ? loras() : bottlenecks();
  }

  private PeftModel llama() {
    return Trainings.bare(folder.resolve("llama"));
  }

  private static FineTuner tuner(PeftModel model) {
    return FineTuner.of(model)
        .on(Trainings.echoes(5))
        .steps(8)
        .batchSize(4)
        .learningRate(1e-2)
        .quiet();
  }

  /** The mean of the experts is an ordinary adapter, which computes the same. */
  @ParameterizedTest
  @ValueSource(strings = {"lora", "bottleneck"})
  void theMeanIsAnOrdinaryAdapter(String name) {
    Path saved = folder.resolve("saved");
    try (PeftModel model = llama().adapt(config(name))) {
      tuner(model).run();
      float[] mixed = logits(model);
      Averaged.of(model, "default", "plain");
      assertThat(model.adapter("plain").type())
          .isEqualTo(name.equals("lora") ? "LORA" : "BOTTLENECK");
      assertThat(logits(model)).containsExactly(mixed, CLOSE);
      model.save("plain", saved);
      model.remove("default").remove("plain").loadAdapter("plain", saved);
      assertThat(logits(model)).containsExactly(mixed, CLOSE);
      if (name.equals("bottleneck")) {
        model.saveAdapterHub("plain", folder.resolve("hub"));
        model.remove("plain").loadAdapter("plain", folder.resolve("hub"));
        assertThat(logits(model)).containsExactly(mixed, CLOSE);
      }
    }
  }

  /** Every expert is taken in some pass, and a pass takes one for each side. */
  @Test
  void routesAreDrawnForEachPassAndSide() {
    AdaMixLoraConfig config = loras().loraDropout(0).targetModules("q_proj");
    try (PeftModel model = llama().adapt(config)) {
      tuner(model).run();
      ModelInput input =
          ModelInput.of(model.base().manager(), new long[][] {{5, 6, 7}}, new long[][] {{1, 1, 1}});
      LossTargets targets = new LossTargets.NextTokens(new long[][] {{5, 6, 7}});
      Backpropagation pass = new Backpropagation(model, Activations.KEPT);
      boolean[][] seen = new boolean[2][4];
      for (int seed = 0; seed < 40; seed++) {
        pass.run(input, targets, 1, seed);
        for (int side = 0; side < 2; side++) {
          Trainable tensor = model.adapter("default").trainables().get(side);
          float[] gradient = gradient(tensor);
          int taken = -1;
          int size = gradient.length / 4;
          for (int i = 0; i < gradient.length; i++) {
            if (gradient[i] != 0) {
              assertThat(taken).isIn(-1, i / size);
              taken = i / size;
            }
          }
          seen[side][taken] = true;
        }
        model.trainables().forEach(Trainable::clearGradient);
      }
      assertThat(seen)
          .isEqualTo(new boolean[][] {{true, true, true, true}, {true, true, true, true}});
    }
  }

  private static float[] gradient(Trainable tensor) {
    try (NDArray gradient = Objects.requireNonNull(Autograd.gradient(tensor.value()))) {
      return Tensors.floats(gradient);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"lora", "bottleneck"})
  void aResumedTrainingTakesTheSameRoutes(String name) {
    Resuming.assertGoesOn(() -> llama().adapt(config(name)), AdaMixTest::tuner, 3, folder);
  }

  /** Layers that run again take the same route, and drop the same elements. */
  @ParameterizedTest
  @ValueSource(strings = {"lora", "bottleneck"})
  void recomputedLayersTakeTheSameRoutes(String name) {
    try (PeftModel kept = llama().adapt(config(name));
        PeftModel again = llama().adapt(config(name))) {
      TrainingReport first = tuner(kept).run();
      TrainingReport second = tuner(again).activations(Activations.RECOMPUTED).run();
      for (int step = 0; step < first.losses().size(); step++) {
        assertThat(second.losses().get(step))
            .isCloseTo(first.losses().get(step), Offset.offset(1e-4));
      }
    }
  }

  /** A training compares two routes unless the config or an objective says otherwise. */
  @ParameterizedTest
  @ValueSource(strings = {"lora", "bottleneck"})
  void twoRoutesAreCompared(String name) {
    try (PeftModel model = llama().adapt(config(name))) {
      assertThat(Objective.of(model).copies()).isEqualTo(2);
      assertThat(Objective.of(model))
          .hasToString("cross entropy, and two routes that agree by weight 1.0");
      model.freeze("default");
      assertThat(Objective.of(model).copies()).isEqualTo(1);
    }
    AdaMixLoraConfig one = loras().consistencyWeight(0);
    try (PeftModel model = llama().adapt(one)) {
      assertThat(Objective.of(model).copies()).isEqualTo(1);
      tuner(model).run();
    }
  }

  /** Its routes are one: the loss and the perplexity are those of the averaged adapter. */
  @ParameterizedTest
  @ValueSource(strings = {"lora", "bottleneck"})
  void anEvaluationComparesNothing(String name) {
    try (PeftModel model = llama().adapt(config(name))) {
      TrainingReport report = tuner(model).validateOn(Trainings.echoes(5)).run();
      Metrics mixed = report.finalMetrics().orElseThrow();
      Averaged.of(model, "default", "plain");
      Metrics plain = new Evaluator(model, 4, 64).evaluate(Trainings.echoes(5));
      assertThat(plain.values()).containsOnlyKeys("loss", "perplexity");
      assertThat(mixed.values()).containsOnlyKeys("loss", "perplexity");
      assertThat(mixed.get("loss")).isCloseTo(plain.get("loss"), Offset.offset(1e-5));
      model.activate("default");
      assertThat(new Evaluator(model, 4, 64).evaluate(Trainings.echoes(5)).values())
          .containsOnlyKeys("loss", "perplexity");
    }
  }

  @Test
  void whatCannotBeMixedIsRefused() {
    assertThatThrownBy(() -> AdaMixConfig.of(BottleneckConfig.compacter()))
        .hasMessageContaining("'phm_layer' is true")
        .hasMessageContaining("experts are dense maps");
    assertThatThrownBy(() -> loras().numExperts(0)).hasMessageContaining("'num_experts' is 0");
    assertThatThrownBy(() -> bottlenecks().consistencyWeight(-1))
        .hasMessageContaining("AdaMixConfig: field 'consistency_weight' is -1.0");
    try (PeftModel model = llama().adapt("lora", LoraConfig.ofRank(2))) {
      assertThatThrownBy(() -> Averaged.of(model, "lora", "mean"))
          .hasMessageContaining("'lora' is of type LORA; expected an adapter of AdaMix");
      assertThatThrownBy(() -> model.adapt("head", loras().targetModules("lm_head")))
          .hasMessageContaining("modules without lm_head");
    }
  }
}
