package io.github.peft4j.methods.reft;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.methods.bottleneck.fields.NonLinearity;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of ReFT (Wu et al. 2024, arXiv:2404.03592). Hugging Face PEFT has no such method. The
 * fields have the names of AdapterHub's ReftConfig ({@code adapters} 1.3.0,
 * configuration/adapter_config.py), and the defaults of its LoReftConfig.
 *
 * @param layers the layers after which states are changed; all
 * @param prefixPositions number of a text's first tokens whose states are changed, at least 0; 3
 * @param suffixPositions number of a text's last tokens whose states are changed, at least 0; 0
 * @param r the rank, above 0; 1
 * @param orthogonality whether the rows of R are kept orthonormal; true
 * @param tiedWeights whether first and last tokens share their tensors; false
 * @param subtractProjection whether R h is subtracted; true
 * @param dropout probability that an element of a changed state is dropped, in [0, 1); 0.05
 * @param nonLinearity applied to W h + b, or null for none
 * @param outputReft whether states are changed after the layers; the library knows no other place
 * @param dtype the data type of the tensors in AdapterHub, or null. It is kept in the file but not
 *     used
 * @param initWeightsSeed the seed that AdapterHub initialised the adapter with, or null. It is kept
 *     in the file but not used
 * @param modulesToSave modules that are fully trained and saved with the adapter, or null for none
 */
@Withers
public record ReftConfig(
    ReftLayers layers,
    int prefixPositions,
    int suffixPositions,
    int r,
    boolean orthogonality,
    boolean tiedWeights,
    boolean subtractProjection,
    double dropout,
    @Nullable NonLinearity nonLinearity,
    boolean outputReft,
    @Nullable String dtype,
    @Nullable Integer initWeightsSeed,
    @Nullable List<String> modulesToSave)
    implements PeftConfig, ReftConfigWithers {

  /** Checks the values. */
  public ReftConfig {
    Configs.check(ReftConfig.class)
        .notNegative("prefix_positions", prefixPositions)
        .notNegative("suffix_positions", suffixPositions)
        .that(
            prefixPositions + (long) suffixPositions > 0,
            "prefix_positions",
            prefixPositions,
            "a number above 0, since suffix_positions is 0")
        .rank("r", r)
        .probability("dropout", dropout)
        .that(outputReft, "output_reft", outputReft, "true: there is no other place");
  }

  /** The default of each field of {@code adapter_config.json}. */
  public static ReftConfig defaults() {
    return Configs.withDefaults(ReftConfig.class);
  }

  /** LoReFT: h + Rᵀ (W h + b − R h), where R has orthonormal rows. */
  public static ReftConfig loReft() {
    return defaults();
  }

  /** NoReFT: LoReFT with any R. */
  public static ReftConfig noReft() {
    return defaults().orthogonality(false);
  }

  /** DiReFT: h + Rᵀ (W h + b) with any R, which is LoRA on hidden states. */
  public static ReftConfig diReft() {
    return noReft().subtractProjection(false);
  }
}
