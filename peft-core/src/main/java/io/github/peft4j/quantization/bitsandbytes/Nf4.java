package io.github.peft4j.quantization.bitsandbytes;

/**
 * Frozen weights in the four bits of QLoRA (Dettmers et al. 2023, arXiv:2305.14314): sixteen
 * quantiles of a normal distribution, times the largest number of each block of 64.
 */
public final class Nf4 {

  private static final FourBit PLAIN = new FourBit(FourBitCode.NF4, false);
  private static final FourBit DOUBLE = new FourBit(FourBitCode.NF4, true);

  private Nf4() {}

  /** The largest number of each block has 32 bits: 0.5625 bytes a weight. */
  public static FourBit plain() {
    return PLAIN;
  }

  /** These numbers are quantised, too, to eight bits in blocks of 256: 0.516 bytes a weight. */
  public static FourBit doubleQuantized() {
    return DOUBLE;
  }
}
