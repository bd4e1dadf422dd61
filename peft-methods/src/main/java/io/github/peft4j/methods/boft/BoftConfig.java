package io.github.peft4j.methods.boft;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;

/**
 * Settings of BOFT (Liu et al. 2023, arXiv:2311.06243), with the names and defaults of Hugging Face
 * PEFT's BOFTConfig.
 *
 * @param boftBlockSize size of a block, or 0 if their number is given; 4
 * @param boftBlockNum number of blocks, or 0 if their size is given; 0
 * @param boftNButterflyFactor number of butterfly layers, above 0. PEFT computes only one of them
 *     unless its CUDA extension is installed; 1
 * @param boftDropout fraction of the blocks of one butterfly layer that do not rotate in a training
 *     step, in [0, 1). They are drawn anew in each step; 0
 * @param targets the modules that get an adapter
 * @param bias which biases of the model are also trained: {@code none}, {@code all}, or those of
 *     the adapted modules; {@code none}
 * @param initWeights whether the adapter has no effect at the start; true
 * @param fanInFanOut whether PEFT finds the weights stored as (in, out), as in GPT-2's Conv1D.
 *     peft4j reads the layout from the model
 */
@Withers
public record BoftConfig(
    int boftBlockSize,
    int boftBlockNum,
    int boftNButterflyFactor,
    double boftDropout,
    ModuleTargets targets,
    Bias bias,
    boolean initWeights,
    boolean fanInFanOut)
    implements LinearConfig<BoftConfig>, BoftConfigWithers {

  /** Each layer needs twice the inputs of the one before. */
  private static final int MOST_LAYERS = 30;

  /** Checks the values. */
  public BoftConfig {
    Configs.check(BoftConfig.class)
        .notNegative("boft_block_size", boftBlockSize)
        .that(
            (boftBlockNum == 0) != (boftBlockSize == 0) && boftBlockNum >= 0,
            "boft_block_num",
            boftBlockNum,
            boftBlockSize == 0
                ? "a number above 0"
                : "0, since boft_block_size is " + boftBlockSize)
        .that(
            boftNButterflyFactor > 0 && boftNButterflyFactor <= MOST_LAYERS,
            "boft_n_butterfly_factor",
            boftNButterflyFactor,
            "a number from 1 to " + MOST_LAYERS)
        .probability("boft_dropout", boftDropout);
  }

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static BoftConfig defaults() {
    return Configs.withDefaults(BoftConfig.class);
  }

  /** PEFT's defaults with blocks of this size. */
  public static BoftConfig ofBlockSize(int size) {
    return defaults().boftBlockSize(size);
  }

  /** PEFT's defaults with this many blocks in each module. */
  public static BoftConfig ofBlocks(int blocks) {
    return defaults().boftBlockNum(blocks);
  }

  /**
   * A copy with blocks of this size. Their number follows from that, so {@code boft_block_num} is
   * 0.
   */
  @Override
  public BoftConfig boftBlockSize(int size) {
    return blocks(size, 0);
  }

  /**
   * A copy with this many blocks. Their size follows from that, so {@code boft_block_size} is 0.
   */
  @Override
  public BoftConfig boftBlockNum(int blocks) {
    return blocks(0, blocks);
  }

  private BoftConfig blocks(int size, int number) {
    return new BoftConfig(
        size, number, boftNButterflyFactor, boftDropout, targets, bias, initWeights, fanInFanOut);
  }

  /**
   * The block size of a module.
   *
   * @throws IllegalArgumentException if the configured blocks do not divide the module's inputs
   */
  int blockSize(String module, long in) {
    int divisor = boftBlockSize == 0 ? boftBlockNum : boftBlockSize;
    String field = boftBlockSize == 0 ? "boft_block_num" : "boft_block_size";
    int size = boftBlockSize == 0 ? (int) (in / boftBlockNum) : boftBlockSize;
    long group = (long) size << (boftNButterflyFactor - 1);
    Configs.check(BoftConfig.class)
        .that(in % divisor == 0, field, divisor, "a divisor of " + in + ", the inputs of " + module)
        .that(
            boftNButterflyFactor == 1 || (in % group == 0 && size % 2 == 0),
            "boft_n_butterfly_factor",
            boftNButterflyFactor,
            "a number n with 2ⁿ⁻¹ · "
                + size
                + " dividing "
                + in
                + " and even blocks, for "
                + module);
    return size;
  }
}
