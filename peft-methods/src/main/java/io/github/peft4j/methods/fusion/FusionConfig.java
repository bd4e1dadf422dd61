package io.github.peft4j.methods.fusion;

import io.github.peft4j.Configs;
import io.github.peft4j.PeftConfig;
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
public record FusionConfig(
    List<String> adapterNames,
    boolean value,
    boolean queryBeforeLn,
    boolean regularization,
    double dropoutProb,
    @Nullable List<String> modulesToSave)
    implements PeftConfig {

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

  /** A mixture of these adapters, with query, key and value. */
  public static FusionConfig of(String... adapters) {
    return Configs.with(
        Configs.withDefaults(FusionConfig.class), "adapterNames", List.of(adapters));
  }

  /** Without a value matrix, and so without its regularization. */
  public FusionConfig withoutValue() {
    return Configs.with(Configs.with(this, "regularization", false), "value", false);
  }

  /** With the branch's own output as query. */
  public FusionConfig queryBeforeNorm() {
    return Configs.with(this, "queryBeforeLn", true);
  }

  /** With this dropout of the scores. */
  public FusionConfig dropout(double probability) {
    return Configs.with(this, "dropoutProb", probability);
  }
}
