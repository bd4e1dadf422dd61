package io.github.peft4j.methods;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adalora.AdaLoraConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.tuner.Trainable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Gradients by the kernels' derivatives are those of PyTorch's graph, in every family. */
class DerivativesTest {

  private static final String PROPERTY = "peft4j.derivatives";
  private static final @Nullable String GIVEN = System.getProperty(PROPERTY);

  @AfterEach
  void restore() {
    if (GIVEN == null) {
      System.clearProperty(PROPERTY);
    } else {
      System.setProperty(PROPERTY, GIVEN);
    }
  }

  private static final LoraConfig LORA =
      LoraConfig.ofRank(3).loraAlpha(5).targetModules("all-linear");

  static Stream<Arguments> cases() throws IOException {
    return Stream.concat(
        TinyFamily.all().keySet().stream()
            .map(family -> Arguments.of(family, LORA, "all linear maps")),
        Stream.of("bert", "gpt2", "llama").flatMap(DerivativesTest::methods));
  }

  private static Stream<Arguments> methods(String family) {
    return Stream.of(
        Arguments.of(family, LORA.layersToTransform(1), "one layer"),
        Arguments.of(family, LORA.useDora(true), "DoRA"),
        Arguments.of(family, LORA.loraDropout(0.3), "dropout"),
        Arguments.of(family, AdaLoraConfig.ofRanks(3, 2).targetModules("all-linear"), "AdaLoRA"));
  }

  @ParameterizedTest(name = "{0}, {2}")
  @MethodSource("cases")
  void gradientsAreThoseOfTheGraph(
      String family, PeftConfig config, String where, @TempDir Path folder) throws IOException {
    TinyFamily tiny = requireNonNull(TinyFamily.all().get(family));
    tiny.write(Files.createDirectories(folder));
    try (PeftModel model =
        Peft.from(folder).device(Device.cpu()).precision(Precision.FLOAT64).load().adapt(config)) {
      int seed = 0;
      for (Trainable tensor : model.trainables()) {
        Tensors.copy(tensor.value(), numbers(model, tensor.value().getShape(), seed++));
      }
      Map<String, double[]> graph = gradients(model, "false", Tapes.KEPT);
      assertThat(graph).hasSameSizeAs(model.trainables());
      for (Tapes tapes : Tapes.values()) {
        if (tapes == Tapes.DIVIDED && where.endsWith("dropout")) {
          continue; // each part draws its own numbers
        }
        Map<String, double[]> kernels = gradients(model, "checked", tapes);
        graph.forEach(
            (name, expected) ->
                assertThat(requireNonNull(kernels.get(name)))
                    .as("%s, %s", name, tapes)
                    .containsExactly(expected, within(1e-6 * Math.max(1e-9, largest(expected)))));
      }
    }
  }

  private static NDArray numbers(PeftModel model, Shape shape, int seed) {
    Random random = new Random(seed);
    double[] values = random.doubles(shape.size(), -0.3, 0.3).toArray();
    return model.base().manager().create(values, shape).toType(DataType.FLOAT64, false);
  }

  private static double largest(double[] values) {
    return Arrays.stream(values).map(Math::abs).max().orElse(0);
  }

  private static Map<String, double[]> gradients(PeftModel model, String how, Tapes tapes) {
    System.setProperty(PROPERTY, how);
    LossTargets targets = TinyFamily.targets(model);
    Map<String, double[]> gradients = new LinkedHashMap<>();
    model.trainables().forEach(Trainable::clearGradient);
    new Backpropagation(model, tapes)
        .run(TinyFamily.input(model), targets, 1.0 / model.count(targets), 0);
    int number = 0;
    for (Trainable tensor : model.trainables()) {
      try (NDArray gradient = requireNonNull(Autograd.gradient(tensor.value()), tensor.key())) {
        float[] values = Tensors.floats(gradient);
        double[] wide = new double[values.length];
        for (int i = 0; i < values.length; i++) {
          wide[i] = values[i];
        }
        gradients.put(number++ + " " + tensor.key(), wide);
      }
    }
    return gradients;
  }
}
