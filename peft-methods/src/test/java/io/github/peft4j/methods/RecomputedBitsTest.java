package io.github.peft4j.methods;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A layer that runs again has the bits of one that is kept, in 16 bits and with dropout too. */
class RecomputedBitsTest {

  private static final long[][] IDS = {{5, 9, 3, 14, 7, 21, 4}, {8, 2, 30, 11, 6, 17, 12}};

  @ParameterizedTest
  @CsvSource({
    "tiny-roberta, 0.1, BFLOAT16",
    "tiny-bert, 0.05, FLOAT16",
    "tiny-llama, 0.1, BFLOAT16",
    "tiny-llama, 0.4, FLOAT16",
  })
  void recomputedBitsAreThoseThatAreKept(String name, double dropout, Precision precision) {
    LoraConfig config =
        LoraConfig.ofRank(4)
            .initLoraWeights(LoraInitialization.RANDOM)
            .loraDropout(dropout)
            .targetModules("all-linear");
    try (PeftModel model =
        Peft.from(TinyModels.golden(name))
            .device(Device.cpu())
            .precision(precision)
            .load()
            .adapt(config)) {
      for (long seed = 0; seed < 3; seed++) {
        Map<String, float[]> kept = gradients(model, Activations.KEPT, seed);
        Map<String, float[]> again = gradients(model, Activations.RECOMPUTED, seed);
        assertThat(again.keySet()).isEqualTo(kept.keySet()).isNotEmpty();
        kept.forEach(
            (tensor, bits) ->
                assertThat(requireNonNull(again.get(tensor))).as(tensor).containsExactly(bits));
      }
    }
  }

  private static Map<String, float[]> gradients(
      PeftModel model, Activations activations, long seed) {
    LossTargets targets =
        model.base().task().type() == Task.Type.SEQ_CLS
            ? new LossTargets.Classes(new long[] {0, 1})
            : new LossTargets.NextTokens(IDS);
    try (Scope scope = new Scope();
        Backpropagation passes = new Backpropagation(model, activations)) {
      passes.run(ModelInput.of(model.base().manager(), IDS, null), targets, 0.1, seed);
    }
    Map<String, float[]> gradients = new LinkedHashMap<>();
    model
        .adapter(PeftModel.DEFAULT)
        .tensors()
        .forEach(
            (name, tensor) -> {
              try (NDArray gradient = Autograd.gradient(tensor.value())) {
                if (gradient != null) {
                  gradients.put(name, Tensors.floats(gradient));
                }
              }
              tensor.clearGradient();
            });
    return gradients;
  }
}
