package io.github.peft4j.quantization;

import static java.util.Objects.requireNonNull;
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
import io.github.peft4j.quantization.bitsandbytes.Fp4;
import io.github.peft4j.quantization.bitsandbytes.Int8;
import io.github.peft4j.quantization.bitsandbytes.Nf4;
import io.github.peft4j.quantization.gguf.GgufBlocks;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Products of quantised matrices are those of the numbers that they stand for. */
class FrozenMatrixTest {

  private static final int IN = 96;
  private static final int OUT = 32;
  private static final int ROWS = 6;

  private final Random random = new Random(3);
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

  static Stream<Quantization> quantizations() {
    return Stream.of(
        Nf4.plain(),
        Nf4.doubleQuantized(),
        Fp4.plain(),
        Fp4.doubleQuantized(),
        Int8.BY_ROW,
        Int8.ABSMAX,
        GgufBlocks.Q8_0,
        GgufBlocks.Q5_1,
        GgufBlocks.Q5_0,
        GgufBlocks.Q4_1,
        GgufBlocks.Q4_0);
  }

  private NDArray random(double size, long... shape) {
    float[] values = new float[(int) new Shape(shape).size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (size * random.nextGaussian());
    }
    return manager.create(values, new Shape(shape));
  }

  /** How a training records the map. */
  private enum Mode {
    KERNELS,
    KERNELS_AGAIN,
    GRAPH,
    GRAPH_AGAIN
  }

  /** The map's value and the gradients of its input and bias. */
  private record Results(float[] y, float[] ofX, float @Nullable [] ofBias) {}

  private Results results(
      Mode mode, FrozenMatrix matrix, NDArray x, @Nullable NDArray bias, NDArray g) {
    NDArray input = Autograd.leaf(x);
    NDArray trained = bias == null ? null : Autograd.leaf(bias);
    boolean again = mode == Mode.KERNELS_AGAIN || mode == Mode.GRAPH_AGAIN;
    try (Tape.Recording tape = again ? Tape.recomputing(0) : Tape.recording(0)) {
      NDArray zeros = Tensors.zerosLike(input);
      NDArray first = tape.source(() -> Ops.add(input, zeros));
      NDArray y =
          mode == Mode.KERNELS || mode == Mode.KERNELS_AGAIN
              ? tape.segmentOfKernels(first, true, in -> matrix.map(in, trained))
              : tape.segment(first, true, in -> matrix.map(in, trained));
      float[] values = Tensors.floats(y);
      tape.backward(y, g.duplicate());
      return new Results(
          values,
          Tensors.floats(requireNonNull(Autograd.gradient(input))),
          trained == null ? null : Tensors.floats(requireNonNull(Autograd.gradient(trained))));
    }
  }

  private static void assertNear(float[] found, NDArray expected) {
    float[] values = Tensors.floats(expected);
    float most = 0;
    for (float value : values) {
      most = Math.max(most, Math.abs(value));
    }
    assertThat(found).containsExactly(values, within(2e-6f * most));
  }

  @ParameterizedTest
  @MethodSource("quantizations")
  void mapsAndGradientsAreThoseOfTheDenseMatrix(Quantization quantization) {
    NDArray w = random(0.02, OUT, IN);
    NDArray x = random(3, 2, ROWS / 2, IN);
    NDArray bias = random(1, OUT);
    NDArray g = random(1, 2, ROWS / 2, OUT);
    try (FrozenMatrix matrix = quantization.store(w, false, Precision.FLOAT32)) {
      NDArray dense = matrix.dense();
      NDArray flat = x.reshape(ROWS, IN);
      NDArray flatGradient = g.reshape(ROWS, OUT);
      NDArray plain = flat.matMul(dense.transpose());
      assertThat(matrix.map(x, null).getShape()).isEqualTo(new Shape(2, ROWS / 2, OUT));
      assertNear(Tensors.floats(matrix.map(x, null)), plain);
      for (Mode mode : Mode.values()) {
        Results alone = results(mode, matrix, x, null, g);
        assertNear(alone.y(), plain);
        assertNear(alone.ofX(), flatGradient.matMul(dense));
        Results both = results(mode, matrix, x, bias, g);
        assertNear(both.y(), plain.add(bias));
        assertNear(both.ofX(), flatGradient.matMul(dense));
        assertThat(both.ofBias()).isNotNull();
        assertNear(both.ofBias(), flatGradient.sum(new int[] {0}));
      }
    }
  }

  /** A bias may be all that is trained below a layer. */
  @ParameterizedTest
  @MethodSource("quantizations")
  void aBiasIsTrainedAlone(Quantization quantization) {
    NDArray bias = Autograd.leaf(random(1, OUT));
    NDArray x = random(1, ROWS, IN);
    NDArray g = random(1, ROWS, OUT);
    try (FrozenMatrix matrix = quantization.store(random(1, OUT, IN), false, Precision.FLOAT32);
        Tape.Recording tape = Tape.recording(0)) {
      NDArray y = tape.segmentOfKernels(x, true, in -> matrix.map(in, bias));
      tape.backward(y, g.duplicate());
      assertNear(Tensors.floats(requireNonNull(Autograd.gradient(bias))), g.sum(new int[] {0}));
    }
  }

  /** As GPT-2's weights are stored: the rows that are quantised are those of (out, in). */
  @ParameterizedTest
  @MethodSource("quantizations")
  void aTransposedWeightIsTheSameMap(Quantization quantization) {
    NDArray w = random(0.02, OUT, IN);
    NDArray x = random(1, ROWS, IN);
    try (FrozenMatrix plain = quantization.store(w, false, Precision.FLOAT32);
        FrozenMatrix turned = quantization.store(w.transpose(), true, Precision.FLOAT32)) {
      assertThat(turned.shape()).isEqualTo(new Shape(IN, OUT));
      assertThat(turned.dense().getShape()).isEqualTo(new Shape(IN, OUT));
      assertThat(Tensors.floats(turned.dense()))
          .isEqualTo(Tensors.floats(plain.dense().transpose().duplicate()));
      assertThat(turned.numbers().toByteArray()).isEqualTo(plain.numbers().toByteArray());
      assertThat(Tensors.floats(turned.map(x, null))).isEqualTo(Tensors.floats(plain.map(x, null)));
    }
  }

  /** The numbers of a matrix are rounded to the model's precision, and products computed in it. */
  @ParameterizedTest
  @MethodSource("quantizations")
  void sixteenBits(Quantization quantization) {
    NDArray w = random(0.02, OUT, IN);
    for (Precision precision : new Precision[] {Precision.BFLOAT16, Precision.FLOAT16}) {
      NDArray half = Tensors.cast(w, precision);
      NDArray x = Tensors.cast(random(1, ROWS, IN), precision);
      try (FrozenMatrix matrix = quantization.store(half, false, precision);
          FrozenMatrix wide = quantization.store(half, false, Precision.FLOAT32)) {
        assertThat(Tensors.floats(matrix.dense()))
            .isEqualTo(Tensors.floats(Tensors.cast(wide.dense(), precision)));
        float[] exact =
            Tensors.floats(
                Tensors.cast(x, Precision.FLOAT32)
                    .matMul(Tensors.cast(matrix.dense(), Precision.FLOAT32).transpose()));
        assertThat(Tensors.floats(matrix.map(x, null))).containsExactly(exact, within(4e-3f));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("quantizations")
  void errorsAreSmall(Quantization quantization) {
    NDArray w = random(0.02, 64, 128);
    try (FrozenMatrix matrix = quantization.store(w, false, Precision.FLOAT32)) {
      float error = matrix.dense().sub(w).square().mean().getFloat() / w.square().mean().getFloat();
      float allowed = quantization instanceof Int8 ? 2e-3f : 2e-2f;
      assertThat(error).isPositive().isLessThan(allowed);
    }
  }

  @ParameterizedTest
  @MethodSource("quantizations")
  void numbersThatAreNotFiniteAreRefused(Quantization quantization) {
    for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
      float[] values = Tensors.floats(random(1, OUT, IN));
      values[100] = bad;
      NDArray w = manager.create(values, new Shape(OUT, IN));
      long before = Tensors.live();
      assertThatIllegalArgumentException()
          .isThrownBy(() -> quantization.store(w, false, Precision.FLOAT32))
          .withMessageContaining("not finite");
      assertThat(Tensors.live()).isEqualTo(before);
    }
  }

  /** Neither a product nor its backward pass leaves an array, and a closed matrix leaves none. */
  @ParameterizedTest
  @MethodSource("quantizations")
  void nothingIsLeft(Quantization quantization) {
    NDArray w = random(0.02, OUT, IN);
    NDArray x = random(1, ROWS, IN);
    NDArray g = random(1, ROWS, OUT);
    long before = Tensors.live();
    for (int n = 0; n < 2; n++) {
      try (Scope inner = new Scope();
          FrozenMatrix matrix = quantization.store(w, false, Precision.FLOAT32)) {
        assertThat(inner).isNotNull();
        for (Mode mode : Mode.values()) {
          results(mode, matrix, x, null, g);
        }
      }
    }
    assertThat(Tensors.live()).isEqualTo(before);
  }

  /** In float32, 16 MiB for each of 24 products, of which a training on the CPU keeps none. */
  @ParameterizedTest
  @EnumSource(Mode.class)
  void noDenseCopyIsKeptForTheBackwardPass(Mode mode) {
    int size = 2048;
    try (FrozenMatrix matrix =
        Nf4.plain().store(random(0.02, size, size), false, Precision.FLOAT32)) {
      NDArray input = Autograd.leaf(random(1, 1, size));
      boolean kernels = mode == Mode.KERNELS || mode == Mode.KERNELS_AGAIN;
      boolean again = mode == Mode.KERNELS_AGAIN || mode == Mode.GRAPH_AGAIN;
      long growth = 0;
      for (int n = 0; n < 2; n++) { // the first time, libraries take memory
        try (Tape.Recording tape = again ? Tape.recomputing(0) : Tape.recording(0)) {
          NDArray zeros = Tensors.zerosLike(input);
          NDArray y = tape.source(() -> Ops.add(input, zeros));
          long before = NativeMemory.used();
          for (int i = 0; i < 24; i++) {
            y =
                kernels
                    ? tape.segmentOfKernels(y, true, in -> matrix.map(in, null))
                    : tape.segment(y, true, in -> matrix.map(in, null));
          }
          growth = NativeMemory.used() - before;
          tape.backward(y, Tensors.onesLike(y));
        }
        Tensors.floats(requireNonNull(Autograd.gradient(input)));
      }
      assertThat(growth).isLessThan(4L * size * size * Float.BYTES);
    }
  }

  /** Four bits a number, and 32 or 8.125 for each block of 64. */
  @ParameterizedTest
  @CsvSource({"nf4, 0.5625", "nf4-double, 0.5159", "int8, 1.0005"})
  void memoryIsThatOfTheCodes(String name, double bytes) throws InterruptedException {
    int out = 4096;
    int in = 2048;
    Quantization quantization =
        Map.of("nf4", Nf4.plain(), "nf4-double", Nf4.doubleQuantized(), "int8", Int8.BY_ROW)
            .get(name);
    NDArray w = manager.randomNormal(new Shape(out, in)); // in memory that Java does not free later
    requireNonNull(quantization).store(w, false, Precision.FLOAT32).close(); // kernels
    System.gc(); // buffers of Java, which another thread frees
    Thread.sleep(300);
    double[] found = new double[9];
    for (int n = 0; n < found.length; n++) { // other threads take and free memory meanwhile
      long before = NativeMemory.used();
      try (FrozenMatrix matrix = requireNonNull(quantization).store(w, false, Precision.FLOAT32)) {
        found[n] = (NativeMemory.used() - before) / (double) matrix.shape().size();
      }
    }
    Arrays.sort(found);
    assertThat(found[found.length / 2]).isCloseTo(bytes, within(0.02));
  }

  @Test
  void aMatrixWithoutNumbersDoesNotFit() {
    quantizations()
        .forEach(
            quantization -> {
              assertThat(quantization.fits(new Shape(OUT, IN))).isTrue();
              assertThat(quantization.fits(new Shape(3, 0))).isFalse();
              assertThat(quantization.fits(new Shape(3))).isFalse();
            });
  }
}
