package io.github.peft4j.kernel.cuda;

import java.util.List;

/**
 * How a CUDA text runs for some tensors.
 *
 * @param lanes the number of elements that a thread loads at once, {@code LANES} in the text
 * @param blocks the number of blocks of threads
 * @param width the number of threads of a block along x
 * @param height the number along y
 * @param outputs the tensors to make
 * @param numbers the text's last parameters, after the tensors and the outputs
 */
public record Launch(
    int lanes, long blocks, int width, int height, List<Output> outputs, long... numbers) {

  /** The number of threads that run in step. */
  private static final int WARP = 32;

  /** The largest number of blocks. */
  static final long MOST_BLOCKS = Integer.MAX_VALUE;

  private static final int VECTOR_BYTES = 16;

  /**
   * A tensor to make.
   *
   * @param type PyTorch's number of the element type
   * @param sizes of the dimensions
   * @param strides in elements
   */
  public record Output(int type, long[] sizes, long[] strides) {

    /** A contiguous tensor of the type of another. */
    public static Output of(DeviceTensor type, long... sizes) {
      return new Output(type.type(), sizes, DeviceTensor.contiguous(sizes));
    }

    /** A contiguous tensor of a type, by PyTorch's number. */
    public static Output contiguous(int type, long... sizes) {
      return new Output(type, sizes, DeviceTensor.contiguous(sizes));
    }

    /** A contiguous tensor of 32-bit numbers. */
    public static Output ofFloats(long... sizes) {
      return new Output(Torch.FLOAT32, sizes, DeviceTensor.contiguous(sizes));
    }
  }

  /**
   * A launch in which the threads along x share a row of work, and those along y are rows.
   *
   * @param rows the number of rows
   * @param items the number of equal pieces of work in a row
   * @param most the largest number of threads of a block, a multiple of 32
   */
  public static Launch overRows(
      int lanes, long rows, long items, int most, List<Output> outputs, long... numbers) {
    long warps = Math.max(1, (items + WARP - 1) / WARP);
    int width = items <= 4L * WARP ? WARP : (int) Math.min(most, warps * WARP);
    int height = width == WARP ? Math.min(most, 4 * WARP) / WARP : 1;
    return new Launch(lanes, (rows + height - 1) / height, width, height, outputs, numbers);
  }

  /**
   * The number of elements that a thread can load at once: 16 bytes of the first tensor's, or one.
   *
   * @param tensors those that are loaded so, and made so: the latter are aligned
   * @param multiples what must be divisible by it: lengths of rows, steps between them
   */
  public static int lanes(List<DeviceTensor> tensors, long... multiples) {
    int lanes = VECTOR_BYTES / tensors.get(0).itemSize();
    for (long multiple : multiples) {
      if (multiple % lanes != 0) {
        return 1;
      }
    }
    for (DeviceTensor tensor : tensors) {
      if (tensor.address() % Math.min(VECTOR_BYTES, lanes * tensor.itemSize()) != 0) {
        return 1;
      }
    }
    return lanes;
  }
}
