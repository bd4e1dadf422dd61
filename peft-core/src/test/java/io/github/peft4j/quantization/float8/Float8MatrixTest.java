package io.github.peft4j.quantization.float8;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.kernel.Tensors;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Products in eight bits, emulated, beside those of plain Java with the same rounding. */
class Float8MatrixTest {

  private static final int IN = 32;
  private static final int OUT = 48;
  private static final int ROWS = 6;

  private final Random random = new Random(3);
  private Scope scope;
  private NDManager manager;

  @BeforeEach
  void open() {
    System.setProperty(Float8.EMULATED, "true");
    manager = Tensors.newManager(Device.cpu());
    scope = new Scope();
  }

  @AfterEach
  void close() {
    System.clearProperty(Float8.EMULATED);
    scope.close();
    manager.close();
  }

  private NDArray random(double size, long... shape) {
    float[] values = new float[(int) new Shape(shape).size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (size * random.nextGaussian());
    }
    return manager.create(values, new Shape(shape));
  }

  /** Rounds to a number of fraction bits and a least exponent, to even. */
  private static double rounded(double x, int fraction, int least) {
    if (x == 0) {
      return 0;
    }
    double step = Math.scalb(1.0, Math.max(Math.getExponent(x), least) - fraction);
    return Math.rint(x / step) * step;
  }

  private static double e4m3(double x) {
    return rounded(x, 3, -6);
  }

  private static double e5m2(double x) {
    return rounded(x, 2, -14);
  }

  /** The numbers that a tensor has in eight bits. */
  private static double[] eighth(NDArray x, double largest, DoubleUnaryOperator rounding) {
    float[] values = Tensors.floats(x);
    double most =
        IntStream.range(0, values.length).mapToDouble(i -> Math.abs(values[i])).max().orElseThrow();
    float scale = (float) (most / largest);
    return IntStream.range(0, values.length)
        .mapToDouble(i -> scale * rounding.applyAsDouble(values[i] / scale))
        .toArray();
  }

  /** a (n, k) times b (k, m), both row by row. */
  private static double[] product(double[] a, double[] b, int n, int k, int m) {
    double[] y = new double[n * m];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < m; j++) {
        for (int l = 0; l < k; l++) {
          y[i * m + j] += a[i * k + l] * b[l * m + j];
        }
      }
    }
    return y;
  }

  private static double[] transposed(double[] a, int rows, int columns) {
    return IntStream.range(0, a.length)
        .mapToDouble(i -> a[i % rows * columns + i / rows])
        .toArray();
  }

  private static void assertNear(NDArray found, double... expected) {
    float[] values = Tensors.floats(found);
    double most = DoubleStream.of(expected).map(Math::abs).max().orElseThrow();
    assertThat(IntStream.range(0, values.length).mapToDouble(i -> values[i]).toArray())
        .containsExactly(expected, within(2e-6 * most));
  }

  /** The map as a segment of a tape, after one that passes the input's gradient on. */
  private NDArray map(
      Tape.Recording tape, NDArray input, Float8Matrix matrix, @Nullable NDArray bias) {
    NDArray zeros = Tensors.zerosLike(input);
    NDArray first = tape.source(() -> Ops.add(input, zeros));
    return tape.segmentOfKernels(first, true, x -> matrix.map(x, bias));
  }

  @ParameterizedTest
  @EnumSource(Float8.class)
  void mapAndGradientAreThoseOfTheRoundedNumbers(Float8 layout) {
    NDArray w = random(0.02, OUT, IN);
    NDArray x = random(3, 2, ROWS / 2, IN);
    NDArray g = random(1e-5, 2, ROWS / 2, OUT);
    try (Float8Matrix matrix = Float8Matrix.of(w, false, Precision.FLOAT32, layout)) {
      double[] w8 = eighth(w, 448, Float8MatrixTest::e4m3);
      double[] x8 = eighth(x, 448, Float8MatrixTest::e4m3);
      double[] g8 = eighth(g, 57344, Float8MatrixTest::e5m2);
      assertNear(matrix.dense(), w8);

      NDArray input = Autograd.leaf(x);
      try (Tape.Recording tape = Tape.recording(0)) {
        NDArray y = map(tape, input, matrix, null);
        assertThat(y.getShape()).isEqualTo(new Shape(2, ROWS / 2, OUT));
        assertNear(y, product(x8, transposed(w8, OUT, IN), ROWS, IN, OUT));

        tape.backward(y, g.duplicate());
      }
      assertNear(input.getGradient(), product(g8, w8, ROWS, OUT, IN));
    }
  }

  @Test
  void aBiasIsAddedAndTrained() {
    NDArray w = random(0.02, OUT, IN);
    NDArray x = random(1, ROWS, IN);
    NDArray bias = random(1, OUT);
    bias.setRequiresGradient(true);
    NDArray g = random(1, ROWS, OUT);
    try (Float8Matrix matrix = Float8Matrix.of(w, false, Precision.FLOAT32, Float8.TWO_LAYOUTS)) {
      NDArray plain = matrix.map(x, null);
      NDArray input = Autograd.leaf(x);
      try (Tape.Recording tape = Tape.recording(0)) {
        NDArray y = map(tape, input, matrix, bias);
        assertThat(Tensors.floats(y)).isEqualTo(Tensors.floats(plain.add(Autograd.detach(bias))));

        tape.backward(y, g.duplicate());
      }
      assertThat(input.hasGradient()).isTrue();
      assertThat(Tensors.floats(bias.getGradient()))
          .containsExactly(Tensors.floats(g.sum(new int[] {0})), within(1e-5f));
    }
  }

  /** PyTorch's operator has no derivative. */
  @Test
  void aGraphComputesWithTheDenseWeight() {
    NDArray w = random(0.02, OUT, IN);
    NDArray x = random(1, ROWS, IN);
    try (Float8Matrix matrix = Float8Matrix.of(w, false, Precision.FLOAT32, Float8.ONE_LAYOUT)) {
      NDArray leaf = Autograd.leaf(x);
      NDArray y = Autograd.record(true, () -> matrix.map(leaf, null));
      assertNear(
          y.sub(x.matMul(matrix.dense().transpose())).add(1),
          IntStream.range(0, ROWS * OUT).mapToDouble(i -> 1).toArray());
      Autograd.backward(y, Tensors.onesLike(y));
      NDArray gradient = Autograd.gradient(leaf);
      assertThat(gradient).isNotNull();
      assertThat(Tensors.floats(gradient.sub(matrix.dense().sum(new int[] {0}))))
          .containsOnly(new float[] {0}, within(1e-5f));
    }
  }

  @Test
  void aTransposedWeightIsTheSameMap() {
    NDArray w = random(0.02, OUT, IN);
    NDArray x = random(1, ROWS, IN);
    try (Float8Matrix plain = Float8Matrix.of(w, false, Precision.FLOAT32, Float8.TWO_LAYOUTS);
        Float8Matrix turned =
            Float8Matrix.of(w.transpose(), true, Precision.FLOAT32, Float8.TWO_LAYOUTS)) {
      assertThat(turned.shape()).isEqualTo(new Shape(IN, OUT));
      assertThat(turned.dense().getShape()).isEqualTo(new Shape(IN, OUT));
      assertThat(Tensors.floats(turned.dense()))
          .isEqualTo(Tensors.floats(plain.dense().transpose().duplicate()));
      assertThat(Tensors.floats(turned.map(x, null))).isEqualTo(Tensors.floats(plain.map(x, null)));
    }
  }

  /** A batch whose labels are all ignored has gradients of zeros. */
  @Test
  void zerosStayZeros() {
    NDArray w = random(0.02, OUT, IN);
    try (Float8Matrix matrix = Float8Matrix.of(w, false, Precision.FLOAT32, Float8.TWO_LAYOUTS)) {
      assertThat(Tensors.floats(matrix.map(manager.zeros(new Shape(2, IN)), null))).containsOnly(0);
    }
  }

  /** A number that is not finite is not hidden by rounding. */
  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY})
  void whatIsNotFiniteStaysSo(float bad) {
    NDArray w = random(0.02, OUT, IN);
    float[] values = Tensors.floats(random(1, 1, IN));
    values[3] = bad;
    try (Float8Matrix matrix = Float8Matrix.of(w, false, Precision.FLOAT32, Float8.TWO_LAYOUTS)) {
      float[] y = Tensors.floats(matrix.map(manager.create(values, new Shape(1, IN)), null));
      for (float each : y) {
        assertThat(Float.isFinite(each)).isFalse();
      }
    }
  }

  @Test
  void results16BitsWideAreThoseOf32Rounded() {
    NDArray w = Tensors.cast(random(0.02, OUT, IN), Precision.BFLOAT16);
    NDArray x = Tensors.cast(random(1, ROWS, IN), Precision.BFLOAT16);
    NDArray bias = Tensors.cast(random(1, OUT), Precision.BFLOAT16);
    try (Float8Matrix matrix = Float8Matrix.of(w, false, Precision.BFLOAT16, Float8.TWO_LAYOUTS)) {
      float[] exact =
          Tensors.floats(
              x.toType(ai.djl.ndarray.types.DataType.FLOAT32, true)
                  .matMul(Tensors.cast(matrix.dense(), Precision.FLOAT32).transpose())
                  .add(Tensors.cast(bias, Precision.FLOAT32)));
      float[] y = Tensors.floats(matrix.map(x, bias));
      for (int i = 0; i < y.length; i++) {
        assertThat(y[i]).isCloseTo(exact[i], within(0.03f));
      }
    }
  }

  /** A scale of gradients in float16 is below the smallest number of float16. */
  @Test
  void smallNumbersOf16BitsAreNotLost() {
    NDArray w = Tensors.cast(random(0.02, OUT, IN), Precision.FLOAT16);
    NDArray input = Autograd.leaf(Tensors.cast(random(1, ROWS, IN), Precision.FLOAT16));
    NDArray g = Tensors.cast(random(1e-3, ROWS, OUT), Precision.FLOAT16);
    try (Float8Matrix matrix = Float8Matrix.of(w, false, Precision.FLOAT16, Float8.ONE_LAYOUT);
        Tape.Recording tape = Tape.recording(0)) {
      tape.backward(map(tape, input, matrix, null), g.duplicate());

      double[] g8 = eighth(g, 57344, Float8MatrixTest::e5m2);
      double[] expected = product(g8, eighth(w, 448, Float8MatrixTest::e4m3), ROWS, OUT, IN);
      float[] found = Tensors.floats(input.getGradient());
      for (int i = 0; i < found.length; i++) {
        assertThat(found[i]).isCloseTo((float) expected[i], within(3e-6f));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"16, 32, true", "24, 32, false", "16, 8, false"})
  void sizesAreMultiplesOf16(long out, long in, boolean fits) {
    assertThat(Float8.ONE_LAYOUT.fits(new Shape(out, in))).isEqualTo(fits);
  }

  @Test
  void aDeviceWithoutSuchProductsIsRefused() {
    System.clearProperty(Float8.EMULATED);

    assertThatIllegalArgumentException()
        .isThrownBy(() -> Float8.ONE_LAYOUT.require(Device.cpu(), Precision.FLOAT32))
        .withMessageContaining("compute capability 8.9")
        .withMessageContaining("without quantize(…)");
  }

  @Test
  void doublesAreRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Float8.ONE_LAYOUT.require(Device.gpu(), Precision.FLOAT64))
        .withMessageContaining("FLOAT64");
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY})
  void numbersThatAreNotFiniteAreRefused(float wrong) {
    float[] numbers = new float[16 * 16];
    numbers[17] = wrong;
    try (NDManager manager = Tensors.newManager(Device.cpu());
        NDArray weight = manager.create(numbers, new Shape(16, 16))) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Float8.ONE_LAYOUT.store(weight, false, Precision.FLOAT32))
          .withMessageContaining("not finite, which eight-bit floats cannot keep");
    }
  }
}
