package io.github.peft4j.quantization;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.kernel.cuda.CudaText;
import io.github.peft4j.quantization.bitsandbytes.FourBitMatrix;
import io.github.peft4j.quantization.bitsandbytes.FourBitMatrix.Stored;
import io.github.peft4j.quantization.bitsandbytes.Int8Matrix;
import io.github.peft4j.quantization.bitsandbytes.NestedStatistics;
import io.github.peft4j.quantization.bitsandbytes.Nf4;
import io.github.peft4j.quantization.gguf.GgufMatrix;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Quantised matrices on an NVIDIA GPU, beside those on the CPU: codes, dense numbers bit for bit,
 * products. With a GPU, CUDA texts have to make the dense numbers.
 */
class QuantizedDeviceTest {

  private static final List<Precision> PRECISIONS =
      List.of(Precision.BFLOAT16, Precision.FLOAT16, Precision.FLOAT32);

  private final boolean hasGpu = PyTorch.engine().getGpuCount() > 0;
  private final NDManager host = Tensors.newManager(Device.cpu());
  private final NDManager device = Tensors.newManager(hasGpu ? Device.gpu() : Device.cpu());
  private final Random random = new Random(1);

  @BeforeEach
  void needsGpu() {
    assumeTrue(hasGpu, "SKIPPED: there is no NVIDIA GPU");
    assertThat(CudaText.isAvailable()).as("CUDA texts run on this GPU").isTrue();
  }

  @AfterEach
  void close() {
    device.close();
    host.close();
  }

  static Stream<Quantization> quantizations() {
    return FrozenMatrixTest.quantizations();
  }

  private float[] numbers(long... shape) {
    float[] values = new float[(int) new Shape(shape).size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (0.05 * random.nextGaussian());
    }
    return values;
  }

  private static NDArray onHost(NDArray array) {
    return array.toDevice(Device.cpu(), true);
  }

  /** The same stored numbers on the CPU. */
  private static FrozenMatrix copy(FrozenMatrix matrix, Precision precision) {
    if (matrix instanceof Int8Matrix eight) {
      return Int8Matrix.of(
          eight.quantization(), onHost(eight.numbers()), onHost(eight.largest()), false, precision);
    }
    if (matrix instanceof GgufMatrix blocks) {
      return GgufMatrix.of(blocks.quantization(), onHost(blocks.numbers()), false, precision);
    }
    FourBitMatrix four = (FourBitMatrix) matrix;
    Stored stored = four.stored();
    NestedStatistics nested = stored.nested();
    NestedStatistics copied =
        nested == null
            ? null
            : new NestedStatistics(
                onHost(nested.absmax()),
                onHost(nested.map()),
                onHost(nested.offset()),
                nested.block());
    return FourBitMatrix.of(
        four.quantization(),
        new Stored(onHost(stored.packed()), onHost(stored.absmax()), copied, stored.block()),
        four.shape(),
        false,
        precision);
  }

  @ParameterizedTest
  @MethodSource("quantizations")
  void codesAndDenseNumbersAreThoseOfTheCpu(Quantization quantization) {
    long[][] shapes = {{1, 1}, {7, 96}, {5, 33}, {64, 128}, {130, 1000}, {300, 256}, {1000, 72}};
    for (Precision precision : PRECISIONS) {
      for (long[] size : shapes) {
        Shape shape = new Shape(size);
        if (!quantization.fits(shape)) {
          continue;
        }
        float[] values = numbers(size);
        String what = quantization.named() + " " + shape + " " + precision;
        try (Scope scope = new Scope()) {
          assertThat(scope).isNotNull();
          NDArray here = Tensors.cast(host.create(values, shape), precision);
          NDArray there = Tensors.cast(device.create(values, shape), precision);
          try (FrozenMatrix ours = quantization.store(here, false, precision);
              FrozenMatrix gpu = quantization.store(there, false, precision);
              FrozenMatrix same = copy(gpu, precision)) {
            assertThat(gpu.numbers().toByteArray())
                .as(what)
                .isEqualTo(ours.numbers().toByteArray());
            long before = CudaText.launches();
            float[] dense = Tensors.floats(gpu.dense());
            assertThat(CudaText.launches() - before).as(what + ": launches").isEqualTo(1);
            assertThat(Tally.difference(dense, Tensors.floats(same.dense()))).as(what).isNull();
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("quantizations")
  void productsAreThoseOfTheDenseMatrix(Quantization quantization) {
    for (Precision precision : PRECISIONS) {
      try (Scope scope = new Scope()) {
        assertThat(scope).isNotNull();
        Shape shape = new Shape(96, 160);
        NDArray w = Tensors.cast(device.create(numbers(96, 160), shape), precision);
        NDArray x = Tensors.cast(device.create(numbers(5, 160), new Shape(5, 160)), precision);
        try (FrozenMatrix matrix = quantization.store(w, false, precision)) {
          NDArray wide = Tensors.cast(matrix.dense(), Precision.FLOAT32);
          float[] expected =
              Tensors.floats(Tensors.cast(x, Precision.FLOAT32).matMul(wide.transpose()));
          float[] found = Tensors.floats(matrix.map(x, null));
          for (int i = 0; i < found.length; i++) {
            assertThat((double) found[i]).isCloseTo(expected[i], within(1e-3));
          }
        }
      }
    }
  }

  /** Prints how fast a matrix of an 8B model is quantised and made dense. */
  @Test
  void speed() {
    int out = 14336;
    int in = 4096;
    try (Scope scope = new Scope()) {
      assertThat(scope).isNotNull();
      NDArray w = Tensors.cast(device.randomNormal(new Shape(out, in)), Precision.BFLOAT16);
      try (FrozenMatrix warm = Nf4.doubleQuantized().store(w, false, Precision.BFLOAT16)) {
        warm.dense().close();
      }
      long start = System.nanoTime();
      try (FrozenMatrix matrix = Nf4.doubleQuantized().store(w, false, Precision.BFLOAT16)) {
        matrix.numbers().toByteArray(); // waits
        double store = (System.nanoTime() - start) * 1e-6;
        Tensors.floats(Tensors.part(matrix.dense(), 0, new Shape(1))); // waits
        start = System.nanoTime();
        for (int i = 0; i < 100; i++) {
          matrix.dense().close();
        }
        Tensors.floats(Tensors.part(matrix.dense(), 0, new Shape(1))); // waits
        double dense = (System.nanoTime() - start) * 1e-6 / 101;
        double bytes = 2.516 * out * in;
        System.out.printf(
            "NF4, %d x %d: stored in %.1f ms, dense in %.3f ms (%.0f GB/s)%n",
            out, in, store, dense, bytes / dense * 1e-6);
        assertThat(dense).isLessThan(store);
      }
    }
  }
}
