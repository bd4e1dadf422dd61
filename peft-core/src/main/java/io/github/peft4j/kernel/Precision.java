package io.github.peft4j.kernel;

/**
 * The number formats a model can compute in. DJL's engine knows no bfloat16 (an array of it reports
 * an unknown data type), so that precision is named here and applied in kernels.
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
   * In a kernel, what a mask adds to scores that do not count: far below every score, finite so
   * that a row that sees nothing is no NaN, and within the range of the tensor's type.
   *
   * @param x name of a floating-point tensor in the kernel
   */
  public static String lowest(String x) {
    return "(-65504. if " + x + ".dtype == 5 else -3.3895313892515355e+38)";
  }

  /** The number of {@code c10::ScalarType}, as kernels spell it. */
  public int scalarType() {
    return scalarType;
  }

  /** Bytes an element. */
  public int bytes() {
    return bytes;
  }
}
