package io.github.peft4j.methods.tokens;

import io.github.peft4j.Configs;
import io.github.peft4j.TargetedConfig;
import io.github.peft4j.tuner.TargetModules;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Settings of trainable tokens, with the names and defaults of Hugging Face PEFT's
 * TrainableTokensConfig.
 *
 * @param tokenIndices ids of the tokens
 * @param targetModules which embeddings; null for the one that the model's input goes through
 * @param initWeights whether the vectors start as those of the model, without an effect, or normal
 */
public record TrainableTokensConfig(
    List<Integer> tokenIndices, @Nullable TargetModules targetModules, boolean initWeights)
    implements TargetedConfig<TrainableTokensConfig> {

  /** PEFT's defaults with these tokens. */
  public static TrainableTokensConfig of(int... tokens) {
    return Configs.with(
        Configs.withDefaults(TrainableTokensConfig.class),
        "tokenIndices",
        IntStream.of(tokens).boxed().toList());
  }
}
