package io.github.peft4j.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Products by oneDNN are those that plain Java computes. */
class MatrixProductTest {

  private static final int IN = 300;
  private static final int OUT = 500; // one row has more multiplications than the least

  private static final String MULTIPLY =
      """
      def multiply(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
          return product(x, weight, bias)
      """;

  private final Random random = new Random(5);
  private Scope scope;
  private NDManager manager;

  @BeforeEach
  void open() {
    manager = Tensors.newManager(Device.cpu());
    scope = new Scope();
  }

  @AfterEach
  void close() {
    scope.close();
    manager.close();
  }

  private NDArray random(long... shape) {
    float[] values = new float[(int) new Shape(shape).size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return manager.create(values, new Shape(shape));
  }

  private static Kernel kernel() {
    return Kernel.of(MatrixProduct.text() + MULTIPLY);
  }

  private static float[] plain(NDArray x, NDArray weight, NDArray bias) {
    float[] xs = x.toFloatArray();
    float[] ws = weight.toFloatArray();
    float[] bs = bias.toFloatArray();
    float[] product = new float[xs.length / IN * OUT];
    for (int i = 0; i < product.length; i++) {
      double sum = bs[i % OUT];
      for (int j = 0; j < IN; j++) {
        sum += (double) xs[i / OUT * IN + j] * ws[i % OUT * IN + j];
      }
      product[i] = (float) sum;
    }
    return product;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7, 40})
  void productsAreThoseOfPlainJava(int rows) {
    NDArray x = random(1, rows, IN);
    NDArray weight = random(OUT, IN);
    NDArray bias = random(OUT);

    NDArray y = Autograd.without(() -> kernel().call(x, weight, bias));

    assertThat(y.getShape()).isEqualTo(new Shape(1, rows, OUT));
    assertThat(y.toFloatArray()).containsExactly(plain(x, weight, bias), within(1e-4f));
  }

  @Test
  void aTransposedWeightIsRead() {
    NDArray x = random(3, IN);
    NDArray weight = random(OUT, IN);
    NDArray bias = random(OUT);
    NDArray stored = Ops.transpose(Ops.transpose(weight).duplicate()); // a view of (in, out)

    NDArray y = Autograd.without(() -> kernel().call(x, stored, bias));

    assertThat(y.toFloatArray()).containsExactly(plain(x, weight, bias), within(1e-4f));
  }

  @Test
  void gradientsPassThrough() {
    NDArray x = Autograd.leaf(random(2, IN));
    NDArray weight = random(OUT, IN);

    Autograd.record(
        true,
        () -> {
          NDArray y = kernel().call(x, weight, random(OUT));
          Autograd.backward(y, Tensors.onesLike(y));
          return y;
        });

    float[] columns = weight.sum(new int[] {0}).toFloatArray();
    NDArray gradient = Autograd.gradient(x);
    assertThat(gradient).isNotNull();
    assertThat(gradient.get(1).toFloatArray()).containsExactly(columns, within(1e-3f));
  }

  @Test
  void aBiasGetsItsGradientIfNothingElseIsTrained() {
    NDArray bias = Autograd.leaf(random(OUT));

    Autograd.record(
        true,
        () -> {
          NDArray y = kernel().call(random(2, IN), random(OUT, IN), bias);
          Autograd.backward(y, Tensors.onesLike(y));
          return y;
        });

    NDArray gradient = Autograd.gradient(bias);
    assertThat(gradient).isNotNull();
    float[] rows = new float[OUT];
    Arrays.fill(rows, 2);
    assertThat(gradient.toFloatArray()).containsExactly(rows);
  }

  @Test
  void otherPrecisionsAreLeftToPyTorch() {
    NDArray x = Tensors.cast(random(1, IN), Precision.BFLOAT16);
    NDArray weight = Tensors.cast(random(OUT, IN), Precision.BFLOAT16);
    NDArray bias = Tensors.cast(random(OUT), Precision.BFLOAT16);

    NDArray y = Autograd.without(() -> kernel().call(x, weight, bias));

    float[] exact =
        plain(
            Tensors.cast(x, Precision.FLOAT32),
            Tensors.cast(weight, Precision.FLOAT32),
            Tensors.cast(bias, Precision.FLOAT32));
    assertThat(Tensors.floats(y)).containsExactly(exact, within(0.5f));
  }

  @Test
  @EnabledIfSystemProperty(named = "os.arch", matches = "amd64|x86_64")
  void theTextOfAnX86ProcessorUsesOneDnn() {
    assertThat(MatrixProduct.choose(null, "amd64")).contains("mkldnn");
    assertThat(MatrixProduct.choose("true", "x86_64")).contains("mkldnn");
  }

  @Test
  void thePropertyAndOtherProcessorsLeaveAllToPyTorch() {
    assertThat(MatrixProduct.choose("false", "amd64")).doesNotContain("mkldnn");
    assertThat(MatrixProduct.choose(null, "aarch64")).doesNotContain("mkldnn");
  }

  @Test
  void anotherValueOfThePropertyIsRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> MatrixProduct.choose("off", "amd64"))
        .withMessage("peft4j.oneDnn is 'off', expected true or false");
  }
}
