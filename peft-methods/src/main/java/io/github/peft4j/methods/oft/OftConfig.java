package io.github.peft4j.methods.oft;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;

/**
 * Settings of OFT (Qiu et al. 2023, arXiv:2306.07280), with the names and defaults of Hugging Face
 * PEFT's OFTConfig.
 *
 * @param r number of blocks, or 0 if their size is given; 0
 * @param oftBlockSize size of a block, or 0 if their number is given; 32
 * @param moduleDropout fraction of a module's blocks that do not rotate in a training step, in [0,
 *     1). They are drawn anew in each step; 0
 * @param targets the modules that get an adapter
 * @param bias which biases of the model are also trained: {@code none}, {@code all}, or those of
 *     the adapted modules; {@code none}
 * @param initWeights whether the adapter has no effect at the start; true
 * @param coft whether the rotations are kept near the identity (COFT); false
 * @param eps with COFT, the largest Frobenius norm of all Q of a module together; 6e-5
 * @param blockShare whether all blocks of a module share one rotation; false
 * @param useCayleyNeumann whether the rotation is computed from the first terms of the Neumann
 *     series instead of by solving linear equations. Faster and less exact
 * @param numCayleyNeumannTerms number of terms of the series, above 0; 5
 * @param fanInFanOut whether PEFT finds the weights stored as (in, out), as in GPT-2's Conv1D.
 *     peft4j reads the layout from the model
 */
@Withers
public record OftConfig(
    int r,
    int oftBlockSize,
    double moduleDropout,
    ModuleTargets targets,
    Bias bias,
    boolean initWeights,
    boolean coft,
    double eps,
    boolean blockShare,
    boolean useCayleyNeumann,
    int numCayleyNeumannTerms,
    boolean fanInFanOut)
    implements LinearConfig<OftConfig>, OftConfigWithers {

  /** More terms change no float32: the series' matrix is small. */
  private static final int MOST_TERMS = 1000;

  /** Checks the values. */
  public OftConfig {
    Configs.check(OftConfig.class)
        .notNegative("r", r)
        .notNegative("oft_block_size", oftBlockSize)
        .that(
            (r == 0) != (oftBlockSize == 0),
            "oft_block_size",
            oftBlockSize,
            r == 0 ? "a number above 0, since r is 0" : "0, since r is " + r)
        .probability("module_dropout", moduleDropout)
        .positive("eps", eps)
        .that(
            numCayleyNeumannTerms > 0 && numCayleyNeumannTerms <= MOST_TERMS,
            "num_cayley_neumann_terms",
            numCayleyNeumannTerms,
            "a number from 1 to " + MOST_TERMS);
  }

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static OftConfig defaults() {
    return Configs.withDefaults(OftConfig.class);
  }

  /** PEFT's defaults with blocks of this size. */
  public static OftConfig ofBlockSize(int size) {
    return defaults().oftBlockSize(size);
  }

  /** PEFT's defaults with this many blocks in each module. */
  public static OftConfig ofBlocks(int blocks) {
    return defaults().r(blocks);
  }

  /** A copy with this many blocks. Their size follows from that, so {@code oft_block_size} is 0. */
  @Override
  public OftConfig r(int blocks) {
    return blocks(blocks, 0);
  }

  /** A copy with blocks of this size. Their number follows from that, so {@code r} is 0. */
  @Override
  public OftConfig oftBlockSize(int size) {
    return blocks(0, size);
  }

  private OftConfig blocks(int number, int size) {
    return new OftConfig(
        number,
        size,
        moduleDropout,
        targets,
        bias,
        initWeights,
        coft,
        eps,
        blockShare,
        useCayleyNeumann,
        numCayleyNeumannTerms,
        fanInFanOut);
  }

  /** The block size of a module: the configured size, or the nearest divisor. */
  int blockSize(long in) {
    int size = r == 0 ? nearestDivisor(in, oftBlockSize) : (int) in / nearestDivisor(in, r);
    return size;
  }

  private static int nearestDivisor(long dimension, int wanted) {
    if (wanted >= dimension) {
      return (int) dimension;
    }
    int above = wanted;
    while (dimension % above != 0) {
      above++;
    }
    int below = wanted;
    while (dimension % below != 0) {
      below--;
    }
    return wanted - below <= above - wanted ? below : above;
  }
}
