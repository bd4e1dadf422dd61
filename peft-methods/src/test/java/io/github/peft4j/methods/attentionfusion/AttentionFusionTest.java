package io.github.peft4j.methods.attentionfusion;

import static io.github.peft4j.methods.adapter.Closeness.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lst.LstConfig;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.Trainable;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class AttentionFusionTest {

  private static final long[][] IDS = {{5, 6, 7, 8}, {9, 4, 30, 5}};

  private static PeftModel llama() {
    return Peft.from(TinyModels.golden("tiny-llama")).precision(Precision.FLOAT64).load();
  }

  private static ModelInput input(PeftModel model) {
    return ModelInput.of(model.base().manager(), IDS, null);
  }

  private static float[] logits(PeftModel model) {
    try (NDArray logits = model.logits(input(model))) {
      return Tensors.floats(logits);
    }
  }

  private static void perturb(PeftModel model, String name) {
    Random random = new Random(7);
    for (Trainable tensor : model.adapter(name).trainables()) {
      float[] values = Tensors.floats(tensor.value());
      for (int i = 0; i < values.length; i++) {
        values[i] += (float) (0.3 * random.nextGaussian());
      }
      try (NDArray moved = tensor.value().getManager().create(values, tensor.value().getShape())) {
        Tensors.copy(tensor.value(), moved);
      }
    }
  }

  @Test
  void rowsOfABatchMayHaveDifferentAdapters() {
    try (PeftModel model = llama()) {
      model.adapt("fusion", AttentionFusionConfig.defaults()).adapt("lora", LoraConfig.ofRank(2));
      perturb(model, "fusion");
      perturb(model, "lora");
      float[] both = logits(model.activate(Composition.parallel("fusion", "lora")));
      int half = both.length / 2;
      assertClose("fusion", Arrays.copyOf(both, half), logits(model.activate("fusion")), 1e-6);
      assertClose(
          "lora", Arrays.copyOfRange(both, half, 2 * half), logits(model.activate("lora")), 1e-6);
    }
  }

  /** The output map is linear: averaged outputs have averaged logits. */
  @Test
  void oneOutputAboveAnotherIsRefusedAndTheirAverageIsNot() {
    try (PeftModel model = llama()) {
      model.adapt("fusion", AttentionFusionConfig.defaults());
      model.adapt("ladder", LstConfig.defaults().reductionFactor(2));
      perturb(model, "fusion");
      float[] fusion = logits(model.activate("fusion"));
      float[] ladder = logits(model.activate("ladder"));
      for (int i = 0; i < fusion.length; i++) {
        fusion[i] = (fusion[i] + ladder[i]) / 2;
      }
      model.activate(Composition.average("fusion", "ladder"));
      assertClose("average", logits(model), fusion, 1e-6);
      for (String[] order : new String[][] {{"fusion", "ladder"}, {"ladder", "fusion"}}) {
        model.activate(order);
        assertThatThrownBy(() -> logits(model))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("the lower one would count for nothing");
      }
    }
  }

  private static double loss(PeftModel model, boolean recompute, long seed) {
    double loss =
        new Backpropagation(model, recompute ? Activations.RECOMPUTED : Activations.KEPT)
            .run(input(model), new LossTargets.NextTokens(IDS), 1, seed);
    model.trainables().forEach(Trainable::clearGradient);
    return loss;
  }

  @Test
  void statesAreDroppedInTrainingOnly() {
    try (PeftModel model = llama()) {
      model.adapt("plain", AttentionFusionConfig.defaults().dropout(0));
      perturb(model, "plain");
      float[] plain = logits(model);
      double whole = loss(model, false, 1);
      model.adapt("dropping", AttentionFusionConfig.defaults().dropout(0.4));
      perturb(model, "dropping");
      assertThat(logits(model)).isEqualTo(plain);
      assertThat(LongStream.range(0, 6).mapToDouble(seed -> loss(model, false, seed)).distinct())
          .hasSize(6)
          .doesNotContain(whole);
      assertThat(loss(model, true, 3)).isEqualTo(loss(model, false, 3));
    }
  }
}
