package io.github.peft4j.kernel.float8;

/**
 * How a frozen weight is kept in eight bits, for products on GPUs that multiply such numbers twice
 * as fast as those of 16 bits.
 *
 * <p>The numbers have four bits of exponent and three of fraction (e4m3, Micikevicius et al. 2022,
 * arXiv:2209.05433), so a weight is rounded by up to a sixteenth of itself. All numbers of a weight
 * share a scale.
 */
public enum Float8 {
  /**
   * Twice, in the layouts of the forward and of the backward pass: the memory of 16 bits, and the
   * fastest training.
   */
  TWO_LAYOUTS,
  /**
   * Once: half the memory of 16 bits. The backward pass makes the other layout each time, so that a
   * training takes somewhat longer. Inference is as fast.
   */
  ONE_LAYOUT
}
