package io.github.peft4j.methods.fusion;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of AdapterFusion (Pfeiffer et al. 2021, arXiv:2005.00247). Hugging Face PEFT has no such
 * method. The fields have the names and defaults of AdapterHub's {@code AdapterFusionConfig}
 * ("dynamic"), in a file of PEFT's style.
 *
 * @param adapterNames the adapters to fuse, at least two, in the order of the mixture
 * @param value whether there is a value matrix V. Without it, the adapters' outputs themselves are
 *     mixed ("static"); true
 * @param queryBeforeLn true if the query is the branch's own output, for adapters that read it;
 *     false if the query is its normalised sum with the stream, which Pfeiffer's adapters read
 * @param regularization whether the loss has the term 0.01 ‖I - V‖², which keeps V near the
 *     identity; true
 * @param dropoutProb probability that an attention score is dropped in training, in [0, 1); 0.
 *     AdapterHub takes the model's attention dropout
 * @param modulesToSave modules that are fully trained and saved with the fusion, or null for none
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

  /** The default of each field of {@code adapter_config.json}. */
  public static FusionConfig defaults() {
    return Configs.withDefaults(FusionConfig.class);
  }

  /** A fusion of these adapters, with query, key and value. */
  public static FusionConfig of(String... adapters) {
    return defaults().adapterNames(List.of(adapters));
  }
}
