package io.github.peft4j.cli;

import io.github.peft4j.generate.GenerationConfig;
import java.io.PrintWriter;
import java.util.List;
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

  @Option(
      names = "--top-k",
      paramLabel = "N",
      description = "Draws of the N likeliest tokens alone.")
  @Nullable Integer topK;

  @Option(
      names = "--min-p",
      paramLabel = "X",
      description = "Draws no token below this part of the likeliest one's probability.")
  @Nullable Double minP;

  @Option(
      names = "--repetition-penalty",
      paramLabel = "X",
      description = "Makes tokens less likely that were there before; 1 changes nothing.")
  @Nullable Double repetitionPenalty;

  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      description = "Ends the answer after this text; may be given several times.")
  @Nullable List<String> stop;

  /**
   * The config.
   *
   * @param out where the text goes; when it is closed, as by {@code head}, the text ends
   */
  GenerationConfig config(@Nullable Long seed, PrintWriter out) {
    needsTemperature("--top-p", topP);
    needsTemperature("--top-k", topK);
    needsTemperature("--min-p", minP);
    GenerationConfig config = GenerationConfig.greedy();
    if (temperature != null) {
      double given = temperature;
      config = Mistakes.at("--temperature", () -> GenerationConfig.sampling(given));
    }
    config = with("--top-p", config, topP, GenerationConfig::topP);
    config = with("--top-k", config, topK, GenerationConfig::topK);
    config = with("--min-p", config, minP, GenerationConfig::minP);
    config =
        with(
            "--repetition-penalty", config, repetitionPenalty, GenerationConfig::repetitionPenalty);
    config = with("--max-new-tokens", config, maxNewTokens, GenerationConfig::maxNewTokens);
    config =
        with(
            "--stop",
            config,
            stop,
            (settings, texts) -> settings.stopAt(texts.toArray(String[]::new)));
    GenerationConfig seeded = seed == null ? config : config.seed(seed);
    return seeded.stopWhen(draft -> out.checkError());
  }

  private void needsTemperature(String option, @Nullable Object value) {
    if (value != null && temperature == null) {
      throw new IllegalArgumentException(
          option + " does nothing without --temperature: give that too");
    }
  }

  private static <T> GenerationConfig with(
      String option,
      GenerationConfig config,
      @Nullable T value,
      BiFunction<GenerationConfig, T, GenerationConfig> setter) {
    return value == null ? config : Mistakes.at(option, () -> setter.apply(config, value));
  }
}
