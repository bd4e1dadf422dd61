package io.github.peft4j.methods;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.tuner.Trainable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Loss and gradients in float16, with a scaled loss, beside those in float32: what needs 32 bits
 * has them, and nothing mixes the two types.
 */
class Float16Test {

  private static final double SCALE = 1024;

  /** The families for methods that need more than a Llama has. */
  private static final Map<String, String> FAMILIES =
      Map.of("BitFit", "qwen2", "CrossAttention", "bart");

  @TempDir Path folder;

  /** The loss and, one after the other, all gradients. */
  private record Step(double loss, double[] gradients) {

    double length() {
      return Math.sqrt(dot(this));
    }

    double dot(Step other) {
      double sum = 0;
      for (int i = 0; i < gradients.length; i++) {
        sum += gradients[i] * other.gradients[i];
      }
      return sum;
    }
  }

  static Stream<String> families() throws IOException {
    return TinyFamily.all().keySet().stream();
  }

  static Stream<MethodCase> methods() {
    return MethodsTest.methods();
  }

  @ParameterizedTest
  @MethodSource("families")
  void familiesTrainInFloat16(String family) throws IOException {
    requireNonNull(TinyFamily.all().get(family)).write(folder);
    compare(LoraConfig.ofRank(2).targetModules("all-linear"));
  }

  @ParameterizedTest
  @MethodSource("methods")
  void methodsTrainInFloat16(MethodCase method) throws IOException {
    String family = FAMILIES.getOrDefault(method.name(), "llama");
    requireNonNull(TinyFamily.all().get(family)).write(folder);
    compare(method.config());
  }

  private void compare(PeftConfig config) {
    Step exact = step(Precision.FLOAT32, 1, config);
    Step half = step(Precision.FLOAT16, SCALE, config);
    assertThat(half.loss()).isCloseTo(exact.loss(), within(0.02 * exact.loss()));
    assertThat(half.gradients()).hasSameSizeAs(exact.gradients());
    double cosine = half.dot(exact) / (half.length() * exact.length());
    assertThat(cosine).as("cosine of the gradients").isGreaterThan(0.98);
    assertThat(half.length()).isCloseTo(exact.length(), within(0.1 * exact.length()));
  }

  private Step step(Precision precision, double scale, PeftConfig config) {
    try (PeftModel model =
        Peft.from(folder).device(Device.cpu()).precision(precision).load().adapt(config)) {
      MethodContract.perturb(model.adapter(PeftModel.DEFAULT), 11);
      LossTargets targets = TinyFamily.targets(model);
      double share = 1.0 / model.count(targets);
      double loss =
          share
              * new Backpropagation(model, Activations.KEPT)
                  .run(TinyFamily.input(model), targets, scale * share, 0);
      List<float[]> all = new ArrayList<>();
      for (Trainable tensor : model.trainables()) {
        NDArray gradient = Autograd.gradient(tensor.value());
        if (gradient != null) {
          try (gradient) {
            all.add(Tensors.floats(gradient));
          }
        }
      }
      double[] gradients =
          all.stream()
              .flatMapToDouble(
                  values -> IntStream.range(0, values.length).mapToDouble(i -> values[i] / scale))
              .toArray();
      return new Step(loss, gradients);
    }
  }
}
