package io.github.peft4j.methods.oft;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;

/**
 * Settings of OFT, with the names and defaults of Hugging Face PEFT's OFTConfig.
 *
 * @param r how many blocks there are, or 0 if their size is given; 0
 * @param oftBlockSize size of a block, or 0 if their number is given; 32
 * @param moduleDropout part of a module's blocks that do not rotate in a training step, drawn anew
 *     each time, in [0, 1); 0
 * @param targets which modules
 * @param bias which biases of the model are trained besides; {@code none}
 * @param initWeights whether the adapter has no effect at first
 * @param coft whether the rotations are kept near the identity: COFT
 * @param eps with COFT, how large the Frobenius norm of all Q of a module may be together; 6e-5
 * @param blockShare whether all blocks of a module rotate alike
 * @param useCayleyNeumann whether the rotation is computed by the first terms of a series instead
 *     of by solving equations: faster, less exact
 * @param numCayleyNeumannTerms how many terms, above 0; 5
 * @param fanInFanOut what PEFT is told about transposed weights; read off the model here
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
        .positive("num_cayley_neumann_terms", numCayleyNeumannTerms);
  }

  /** Every field as the method's {@code adapter_config.json} has it. */
  public static OftConfig defaults() {
    return Configs.withDefaults(OftConfig.class);
  }

  /** PEFT's defaults with blocks of this size. */
  public static OftConfig ofBlockSize(int size) {
    return defaults().oftBlockSize(size);
  }

  /** PEFT's defaults with so many blocks in each module. */
  public static OftConfig ofBlocks(int blocks) {
    return defaults().r(blocks);
  }

  /** A copy with so many blocks, whose size follows: {@code oft_block_size} is 0 then. */
  @Override
  public OftConfig r(int blocks) {
    return blocks(blocks, 0);
  }

  /** A copy with blocks of this size, whose number follows: {@code r} is 0 then. */
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

  /** The size of the blocks of a module: what is asked for, or the nearest divisor. */
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
