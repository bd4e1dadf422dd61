package io.github.peft4j.methods.tokens;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.TargetedConfig;
import io.github.peft4j.withers.Withers;
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
@Withers
public record TrainableTokensConfig(
    List<Integer> tokenIndices, @Nullable TargetModules targetModules, boolean initWeights)
    implements TargetedConfig<TrainableTokensConfig>, TrainableTokensConfigWithers {

  /** Every field as the method's {@code adapter_config.json} has it. */
  public static TrainableTokensConfig defaults() {
    return Configs.withDefaults(TrainableTokensConfig.class);
  }

  /** PEFT's defaults with these tokens. */
  public static TrainableTokensConfig of(int... tokens) {
    return defaults().tokenIndices(IntStream.of(tokens).boxed().toList());
  }
}
