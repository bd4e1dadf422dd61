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
 * @param tokenIndices ids of the trainable tokens
 * @param targetModules the embeddings whose vectors are trained; null for the model's input
 *     embedding
 * @param initWeights true to start from the model's own vectors, without an effect; false to draw
 *     the vectors from a normal distribution; true
 */
@Withers
public record TrainableTokensConfig(
    List<Integer> tokenIndices, @Nullable TargetModules targetModules, boolean initWeights)
    implements TargetedConfig<TrainableTokensConfig>, TrainableTokensConfigWithers {

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static TrainableTokensConfig defaults() {
    return Configs.withDefaults(TrainableTokensConfig.class);
  }

  /** PEFT's defaults with these tokens. */
  public static TrainableTokensConfig of(int... tokens) {
    return defaults().tokenIndices(IntStream.of(tokens).boxed().toList());
  }
}
