package io.github.peft4j.methods.c3a;

import io.github.peft4j.config.ConfigCheck;
import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LayerConfig;
import io.github.peft4j.methods.common.linear.LayerTargets;
import io.github.peft4j.methods.common.linear.NamePatterns;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;
import java.util.Map;

/**
 * Settings of C³A (Chen et al. 2024, arXiv:2407.19342), with the names and defaults of Hugging Face
 * PEFT's C3AConfig.
 *
 * @param blockSize b, the sides of a block, above 0; divides both sides of each adapted weight; 256
 * @param layers the modules that get an adapter
 * @param bias which biases of the model are also trained: {@code none}, {@code all}, or those of
 *     the adapted modules; {@code none}
 * @param blockSizePattern block sizes of single modules, by regular expression over name endings
 *     after a dot; empty
 * @param initWeights how the kernels start
 */
@Withers
public record C3aConfig(
    int blockSize,
    LayerTargets layers,
    Bias bias,
    Map<String, Integer> blockSizePattern,
    C3aInitialization initWeights)
    implements LayerConfig<C3aConfig>, C3aConfigWithers {

  /** Checks the values. */
  public C3aConfig {
    ConfigCheck check =
        Configs.check(C3aConfig.class)
            .positive("block_size", blockSize)
            .patterns("block_size_pattern", blockSizePattern);
    blockSizePattern = Configs.inOrder(blockSizePattern);
    blockSizePattern.forEach((name, b) -> check.positive("block_size_pattern." + name, b));
  }

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static C3aConfig defaults() {
    return Configs.withDefaults(C3aConfig.class);
  }

  /** PEFT's defaults with blocks of this size. */
  public static C3aConfig ofBlockSize(int b) {
    return defaults().blockSize(b);
  }

  /** The size of a module's blocks. */
  int blockSizeOf(String module) {
    return NamePatterns.afterDot(blockSizePattern, module, blockSize);
  }
}
