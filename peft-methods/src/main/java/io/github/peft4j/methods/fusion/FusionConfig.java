package io.github.peft4j.methods.fusion;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of AdapterFusion. Hugging Face PEFT has no such method: the fields have the names and
 * defaults of AdapterHub's {@code AdapterFusionConfig} ("dynamic"), in a file of PEFT's style.
 *
 * @param adapterNames the adapters that are mixed, two at least, in the order of the mixture
 * @param value whether there is a value matrix V; without one the adapters' outputs themselves are
 *     mixed ("static")
 * @param queryBeforeLn whether the query is the branch's output itself, as it is for adapters that
 *     read that, and not its normalised sum with the stream, which Pfeiffer's adapters read
 * @param regularization whether V is kept near the identity by 0.01 ‖I - V‖² in the loss
 * @param dropoutProb probability of a score to be dropped in training, in [0, 1); 0, where
 *     AdapterHub takes the model's dropout of attention
 * @param modulesToSave modules trained whole and saved with the fusion, or null
 */
@Withers
public record FusionConfig(
    List<String> adapterNames,
    boolean value,
    boolean queryBeforeLn,
    boolean regularization,
    double dropoutProb,
    @Nullable List<String> modulesToSave)
    implements PeftConfig, FusionConfigWithers {

  /** Checks the values. */
  public FusionConfig {
    Configs.check(FusionConfig.class)
        .probability("dropout_prob", dropoutProb)
        .that(
            adapterNames.stream().distinct().count() == adapterNames.size(),
            "adapter_names",
            adapterNames,
            "each name once");
  }

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static FusionConfig defaults() {
    return Configs.withDefaults(FusionConfig.class);
  }

  /** A mixture of these adapters, with query, key and value. */
  public static FusionConfig of(String... adapters) {
    return defaults().adapterNames(List.of(adapters));
  }
}
