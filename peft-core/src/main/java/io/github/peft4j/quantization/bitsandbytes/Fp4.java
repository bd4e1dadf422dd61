package io.github.peft4j.quantization.bitsandbytes;

/**
 * Frozen weights in floating-point numbers of four bits, times the largest number of each block of
 * 64. {@link Nf4} is nearly always more exact, in the same memory.
 */
public final class Fp4 {

  private static final FourBit PLAIN = new FourBit(FourBitCode.FP4, false);
  private static final FourBit DOUBLE = new FourBit(FourBitCode.FP4, true);

  private Fp4() {}

  /** The largest number of each block has 32 bits: 0.5625 bytes a weight. */
  public static FourBit plain() {
    return PLAIN;
  }

  /** These numbers are quantised, too, to eight bits in blocks of 256: 0.516 bytes a weight. */
  public static FourBit doubleQuantized() {
    return DOUBLE;
  }
}
