package io.github.peft4j.quantization.bitsandbytes;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.Comparator;
import java.util.stream.IntStream;

/** The sixteen numbers of a format of four bits, in [-1, 1], in the order of their codes. */
enum FourBitCode {
  /** Quantiles of a normal distribution (Dettmers et al. 2023, arXiv:2305.14314). */
  NF4(
      1f,
      -1f,
      -0.6961928f,
      -0.52507305f,
      -0.3949175f,
      -0.28444138f,
      -0.18477343f,
      -0.091050036f,
      0f,
      0.0795803f,
      0.1609302f,
      0.2461123f,
      0.33791524f,
      0.44070983f,
      0.562617f,
      0.72295684f,
      1f),
  /** Floating-point numbers with a sign, two bits of exponent and one of fraction. */
  FP4(12f, 0f, 0.0625f, 8f, 12f, 4f, 6f, 2f, 3f, 0f, -0.0625f, -8f, -12f, -4f, -6f, -2f, -3f);

  private final float[] values;

  FourBitCode(float largest, float... values) {
    this.values = values;
    for (int i = 0; i < values.length; i++) {
      values[i] /= largest;
    }
  }

  /** The numbers of the codes. */
  float[] numbers() {
    return values.clone();
  }

  /**
   * The codes by their numbers, ascending, (16) in eight bits. Both zeros of FP4 are among them:
   * the second one, code 8, stands for small positive numbers, as bitsandbytes has it on a CPU.
   */
  NDArray order(NDManager manager) {
    return manager.create(toBytes(ascending()));
  }

  /** The means of neighbours in that order, (15): a number between two takes the nearer code. */
  NDArray bounds(NDManager manager) {
    int[] order = ascending();
    float[] bounds = new float[order.length - 1];
    for (int i = 0; i < bounds.length; i++) {
      bounds[i] = (values[order[i]] + values[order[i + 1]]) / 2;
    }
    return manager.create(bounds);
  }

  private int[] ascending() {
    return IntStream.range(0, values.length)
        .boxed()
        .sorted(Comparator.comparing((Integer code) -> values[code]))
        .mapToInt(Integer::intValue)
        .toArray();
  }

  private static byte[] toBytes(int[] codes) {
    byte[] bytes = new byte[codes.length];
    for (int i = 0; i < codes.length; i++) {
      bytes[i] = (byte) codes[i];
    }
    return bytes;
  }
}
