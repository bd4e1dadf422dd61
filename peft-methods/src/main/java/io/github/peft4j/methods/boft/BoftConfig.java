package io.github.peft4j.methods.boft;

import io.github.peft4j.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.Targets;
import io.github.peft4j.tuner.Bias;

/**
 * Settings of BOFT, with the names and defaults of Hugging Face PEFT's BOFTConfig.
 *
 * @param boftBlockSize size of a block, or 0 if their number is given; 4
 * @param boftBlockNum how many blocks there are, or 0 if their size is given; 0
 * @param boftNButterflyFactor how many butterfly layers, above 0; 1. PEFT computes one alone unless
 *     its CUDA extension is there
 * @param boftDropout part of the blocks of one butterfly layer that do not rotate in a training
 *     step, drawn anew each time, in [0, 1); 0
 * @param targets which modules
 * @param bias which biases of the model are trained besides; {@code none}
 * @param initWeights whether the adapter has no effect at first
 * @param fanInFanOut what PEFT is told about transposed weights; read off the model here
 */
public record BoftConfig(
    int boftBlockSize,
    int boftBlockNum,
    int boftNButterflyFactor,
    double boftDropout,
    Targets targets,
    Bias bias,
    boolean initWeights,
    boolean fanInFanOut)
    implements LinearConfig<BoftConfig> {

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
        .positive("boft_n_butterfly_factor", boftNButterflyFactor)
        .probability("boft_dropout", boftDropout);
  }

  /** PEFT's defaults with blocks of this size. */
  public static BoftConfig ofBlockSize(int size) {
    return Configs.with(Configs.withDefaults(BoftConfig.class), "boftBlockSize", size);
  }

  /** With these biases of the model trained besides; {@code boft_only} for the modules' own. */
  public BoftConfig bias(String biases) {
    return Configs.with(this, "bias", new Bias(biases));
  }

  /** With this part of the blocks of one butterfly layer not rotating in a training step. */
  public BoftConfig dropout(double part) {
    return Configs.with(this, "boftDropout", part);
  }

  /** With so many butterfly layers. */
  public BoftConfig butterflies(int layers) {
    return Configs.with(this, "boftNButterflyFactor", layers);
  }

  /** The size of the blocks of a module. */
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
