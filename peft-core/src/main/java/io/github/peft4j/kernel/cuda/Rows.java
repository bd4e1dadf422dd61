package io.github.peft4j.kernel.cuda;

import java.util.Arrays;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Tensors of one shape (…, D) as rows of D elements, in one order.
 *
 * @param count the number of rows
 * @param columns D
 * @param steps for each tensor, the number of elements from a row's first to the next row's
 * @param sizes of the dimensions
 * @param strides of a result of this shape, whose rows are in the same order and follow each other
 */
public record Rows(long count, long columns, long[] steps, long[] sizes, long[] strides) {

  /**
   * The rows of tensors. Tensors that lie in the same way without gaps may have any order of
   * dimensions, such as (B, H, T, d) as a view of (B, T, H, d).
   *
   * @return null if the shapes differ, or rows cannot be reached by steps
   */
  public static @Nullable Rows of(DeviceTensor... tensors) {
    DeviceTensor first = tensors[0];
    int last = first.dimensions() - 1;
    for (DeviceTensor tensor : tensors) {
      if (last < 0
          || !Arrays.equals(tensor.sizes(), first.sizes())
          || (tensor.sizes()[last] > 1 && tensor.strides()[last] != 1)) {
        return null;
      }
    }
    long columns = first.sizes()[last];
    long count = columns == 0 ? 0 : first.elements() / columns;
    long[] steps = new long[tensors.length];
    boolean alike =
        isDense(first)
            && Arrays.stream(tensors)
                .allMatch(t -> DeviceTensor.sameSteps(first.sizes(), t.strides(), first.strides()));
    if (alike) {
      Arrays.fill(steps, columns);
      return new Rows(count, columns, steps, first.sizes(), first.strides());
    }
    for (int i = 0; i < tensors.length; i++) {
      steps[i] = step(tensors[i]);
      if (steps[i] < 0) {
        return null;
      }
    }
    return new Rows(count, columns, steps, first.sizes(), DeviceTensor.contiguous(first.sizes()));
  }

  /** Whether a tensor is a contiguous one with its dimensions in another order. */
  private static boolean isDense(DeviceTensor tensor) {
    int[] order =
        IntStream.range(0, tensor.dimensions())
            .filter(i -> tensor.sizes()[i] != 1)
            .boxed()
            .sorted((i, j) -> Long.compare(tensor.strides()[i], tensor.strides()[j]))
            .mapToInt(i -> i)
            .toArray();
    long expected = 1;
    for (int i : order) {
      if (tensor.strides()[i] != expected) {
        return false;
      }
      expected *= tensor.sizes()[i];
    }
    return true;
  }

  /** The step from a row to the next, or -1 if there is not one step for all. */
  private static long step(DeviceTensor tensor) {
    long step = -1;
    long inner = 1;
    for (int i = tensor.dimensions() - 2; i >= 0; i--) {
      if (tensor.sizes()[i] == 1) {
        continue;
      }
      if (step < 0) {
        step = tensor.strides()[i];
      } else if (tensor.strides()[i] != step * inner) {
        return -1;
      }
      inner *= tensor.sizes()[i];
    }
    return step < 0 ? tensor.sizes()[tensor.dimensions() - 1] : step;
  }

  /** A result of this shape. */
  public Launch.Output like(DeviceTensor type) {
    return new Launch.Output(type.type(), sizes, strides);
  }

  /** A result in 32 bits with one number for each row: (…, 1). */
  public Launch.Output numbers() {
    long[] shape = sizes.clone();
    shape[shape.length - 1] = 1;
    return new Launch.Output(Torch.FLOAT32, shape, stridesOfNumbers());
  }

  /** Whether a tensor has one 32-bit number for each row, as {@link #numbers} lays them out. */
  public boolean areNumbers(DeviceTensor tensor) {
    Launch.Output expected = numbers();
    return tensor.isFloat32()
        && Arrays.equals(tensor.sizes(), expected.sizes())
        && DeviceTensor.sameSteps(expected.sizes(), tensor.strides(), expected.strides());
  }

  private long[] stridesOfNumbers() {
    return Arrays.stream(strides)
        .map(stride -> Math.max(1, stride / Math.max(1, columns)))
        .toArray();
  }
}
