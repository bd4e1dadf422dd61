package io.github.peft4j.transformer.activation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.peft4j.kernel.Tensors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Activations are those that transformers has under the same names. */
class ActivationTest {

  private static final float[] X = {-12, -1.5f, -0.3f, 0.7f, 4, 11};

  @ParameterizedTest
  @CsvSource(
      delimiter = ':',
      value = {
        "gelu: 0 -0.1002109 -0.1146266 0.5306255 3.999873 11",
        "gelu_python: 0 -0.1002108 -0.1146266 0.5306255 3.999873 11",
        "gelu_10: 0 -0.1002109 -0.1146266 0.5306255 3.999873 10",
        "gelu_new: 0 -0.1004284 -0.1146291 0.5305701 3.99993 11",
        "gelu_python_tanh: 0 -0.1004284 -0.1146291 0.5305701 3.99993 11",
        "gelu_pytorch_tanh: 0 -0.1004284 -0.1146291 0.5305701 3.99993 11",
        "gelu_accurate: 0 -0.1004284 -0.1146291 0.5305701 3.99993 11",
        "gelu_fast: 0 -0.1004284 -0.1146291 0.5305701 3.99993 11",
        "quick_gelu: -1.618642e-08 -0.1083378 -0.1125159 0.536894 3.995585 11",
        "relu: 0 0 0 0.7 4 11",
        "relu2: 0 0 0 0.49 16 121",
        "relu6: 0 0 0 0.7 4 6",
        "leaky_relu: -0.12 -0.015 -0.003 0.7 4 11",
        "sigmoid: 6.144174e-06 0.1824255 0.4255575 0.6681877 0.9820138 0.9999833",
        "mish: -7.373032e-05 -0.2980998 -0.1511332 0.5611483 3.997413 11",
        "hardswish: 0 -0.375 -0.135 0.4316666 4 11",
        "linear: -12 -1.5 -0.3 0.7 4 11",
        "silu: -7.373009e-05 -0.2736383 -0.1276672 0.4677314 3.928055 10.9998163",
        "swish: -7.373009e-05 -0.2736383 -0.1276672 0.4677314 3.928055 10.9998163",
        "tanh: -1 -0.9051483 -0.2913126 0.6043678 0.9993293 1",
      })
  void valuesAreThoseOfTransformers(String name, String values) {
    double[] expected = Stream.of(values.split(" ")).mapToDouble(Double::parseDouble).toArray();
    Activation activation = Activation.named(name);
    try (NDManager manager = Tensors.newManager(Device.cpu());
        NDArray x = manager.create(X);
        NDArray twos = manager.create(new float[] {2, 2, 2, 2, 2, 2});
        NDArray plain = activation.apply(x);
        NDArray gated = activation.gate(x, twos)) {
      for (int i = 0; i < X.length; i++) {
        assertThat((double) Tensors.floats(plain)[i]).isCloseTo(expected[i], within(1e-6));
        assertThat((double) Tensors.floats(gated)[i]).isCloseTo(2 * expected[i], within(2e-6));
      }
    }
  }

  @Test
  void unknownNamesAreRefused() {
    assertThatThrownBy(() -> Activation.named("xielu"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'xielu'")
        .hasMessageContaining("gelu_new");
  }
}
