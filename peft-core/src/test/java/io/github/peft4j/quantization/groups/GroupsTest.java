package io.github.peft4j.quantization.groups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.quantization.FrozenMatrix;
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
}
