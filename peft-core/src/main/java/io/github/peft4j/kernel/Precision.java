package io.github.peft4j.kernel;

/**
 * The number formats that a model can compute in. DJL's engine does not support bfloat16: an array
 * of it reports an unknown data type. Precision is therefore named here and applied in kernels.
 */
public enum Precision {
  /** 32 bits; the default on the CPU. */
  FLOAT32(6, 4),
  /** 16 bits with the exponent of FLOAT32; the default on CUDA. */
  BFLOAT16(15, 2),
  /** 16 bits with a 5-bit exponent; overflows above 65504. */
  FLOAT16(5, 2),
  /** 64 bits; for tests of gradients. */
  FLOAT64(7, 8);

  private final int scalarType;
  private final int bytes;

  Precision(int scalarType, int bytes) {
    this.scalarType = scalarType;
    this.bytes = bytes;
  }

  /**
   * The value that a mask adds to ignored scores, as an expression in a kernel. It is far below
   * every score, but finite, so that a fully masked row is not NaN. It lies in the range of the
   * tensor's type.
   *
   * @param x name of a floating-point tensor in the kernel
   */
  public static String lowest(String x) {
    return "(-65504. if " + x + ".dtype == 5 else -3.3895313892515355e+38)";
  }

  /** The value of {@code c10::ScalarType} that kernels use. */
  public int scalarType() {
    return scalarType;
  }

  /** The size of an element in bytes. */
  public int bytes() {
    return bytes;
  }
}
