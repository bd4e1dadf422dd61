package io.github.peft4j.quantization.groups;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.quantization.FrozenMatrix;
import java.nio.ByteBuffer;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Numbers in groups: rounded to the nearest of 16 or 256, which reach from the least to the
 * largest.
 */
class GroupsTest {

  private static final int OUT = 6;
  private static final int IN = 24;

  private static float[] numbers() {
    Random random = new Random(5);
    float[] numbers = new float[OUT * IN];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] =
          i / IN == 2 ? 0 : i / IN == 3 ? 1 + random.nextFloat() : (float) random.nextGaussian();
    }
    return numbers;
  }

  @ParameterizedTest
  @CsvSource({"4, 6, false", "4, 24, true", "8, 2, false", "8, 6, true"})
  void everyNumberIsRoundedToTheNearest(int bits, int size, boolean transposed) {
    float[] numbers = numbers();
    int steps = (1 << bits) - 1;
    long before = Tensors.live();
    try (NDManager manager = Tensors.newManager(Device.cpu());
        Scope scope = new Scope()) {
      NDArray rows = manager.create(numbers, new Shape(OUT, IN));
      NDArray weight = transposed ? rows.transpose() : rows;
      try (FrozenMatrix matrix =
          new Groups(bits, size).store(weight, transposed, Precision.FLOAT32)) {
        assertThat(matrix.shape()).isEqualTo(weight.getShape());
        assertThat(matrix.numbers().size()).isEqualTo(OUT * IN * bits / 8);
        NDArray dense = matrix.dense();
        assertThat(dense.getShape()).isEqualTo(weight.getShape());
        float[] found = Tensors.floats(transposed ? dense.transpose() : dense);
        for (int from = 0; from < numbers.length; from += size) {
          float low = 0;
          float high = 0;
          for (int i = from; i < from + size; i++) {
            low = Math.min(low, numbers[i]);
            high = Math.max(high, numbers[i]);
          }
          float step = (high - low) / steps;
          for (int i = from; i < from + size; i++) { // the scale and the zero are rounded, too
            assertThat(found[i]).isCloseTo(numbers[i], within(1.02f * step + 1e-6f));
          }
        }
      }
    }
    assertThat(Tensors.live()).isEqualTo(before);
  }

  @Test
  void sizesAndBitsAreChecked() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Groups(3, 128))
        .withMessage("bits is 3; expected 4 or 8");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Groups(4, 0))
        .withMessageContaining("the size of groups is 0; expected a number above 0");
    assertThat(new Groups(4, 128).fits(new Shape(256, 128))).isTrue();
    assertThat(new Groups(4, 128).fits(new Shape(256, 64))).isFalse();
    assertThat(new Groups(4, 128).fits(new Shape(256))).isFalse();
    assertThat(new Groups(4, 3).fits(new Shape(6, 3))).isFalse();
  }

  /**
   * GPTQModel's {@code convert_gptq_v2_to_v1_format} takes 0x11111111 or 0x01010101 from each
   * int32, so that zeros of 0 borrow.
   */
  @ParameterizedTest
  @CsvSource({"4, 286331153", "8, 16843009"})
  void zerosLessOneBorrowFromTheirNeighbours(int bits, int ones) {
    Random random = new Random(9);
    int groups = 3;
    int perInt = Integer.SIZE / bits;
    ByteBuffer plain = ByteBuffer.allocate(groups * 2 * Integer.BYTES).order(LITTLE_ENDIAN);
    ByteBuffer lessOne = ByteBuffer.allocate(plain.capacity()).order(LITTLE_ENDIAN);
    float[] expected = new float[2 * perInt * groups]; // (out, groups)
    for (int i = 0; i < groups * 2; i++) {
      int packed = 0;
      for (int j = 0; j < perInt; j++) {
        int zero = random.nextInt(3) == 0 ? 0 : random.nextInt(1 << bits);
        packed |= zero << (bits * j);
        expected[(i % 2 * perInt + j) * groups + i / 2] = zero;
      }
      plain.putInt(packed);
      lessOne.putInt(packed - ones);
    }
    try (NDManager manager = Tensors.newManager(Device.cpu());
        Scope scope = new Scope()) {
      Shape shape = new Shape(plain.capacity());
      NDArray version2 = manager.create(plain.flip(), shape, DataType.UINT8);
      NDArray version1 = manager.create(lessOne.flip(), shape, DataType.UINT8);
      assertThat(Tensors.floats(Packing.GPTQ.zeros(version2, bits, groups, false)))
          .isEqualTo(expected);
      assertThat(Tensors.floats(Packing.GPTQ.zeros(version1, bits, groups, true)))
          .isEqualTo(expected);
    }
  }
}
