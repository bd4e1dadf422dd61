package io.github.peft4j.cli;

import io.github.peft4j.generate.GenerationConfig;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How texts are written. */
final class GenerationOptions {

  @Option(
      names = "--max-new-tokens",
      paramLabel = "N",
      description = "The most tokens of an answer; 256 by default.")
  @Nullable Integer maxNewTokens;

  @Option(
      names = "--temperature",
      paramLabel = "X",
      description = "Draws tokens at random; without it, the likeliest is taken.")
  @Nullable Double temperature;

  @Option(
      names = "--top-p",
      paramLabel = "X",
      description = "Draws of the likeliest tokens that have this probability together.")
  @Nullable Double topP;

  /** The config. */
  GenerationConfig config(@Nullable Long seed) {
    if (topP != null && temperature == null) {
      throw new IllegalArgumentException(
          "--top-p does nothing without --temperature: give that too");
    }
    GenerationConfig config = GenerationConfig.greedy();
    if (temperature != null) {
      double given = temperature;
      config = Mistakes.at("--temperature", () -> GenerationConfig.sampling(given));
    }
    if (topP != null) {
      config = with("--top-p", config, topP, GenerationConfig::topP);
    }
    if (maxNewTokens != null) {
      config = with("--max-new-tokens", config, maxNewTokens, GenerationConfig::maxNewTokens);
    }
    return seed == null ? config : config.seed(seed);
  }

  private static <T> GenerationConfig with(
      String option,
      GenerationConfig config,
      T value,
      BiFunction<GenerationConfig, T, GenerationConfig> setter) {
    return Mistakes.at(option, () -> setter.apply(config, value));
  }
}
