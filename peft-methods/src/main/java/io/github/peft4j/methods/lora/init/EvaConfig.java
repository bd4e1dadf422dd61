package io.github.peft4j.methods.lora.init;

import com.google.gson.JsonElement;
import io.github.peft4j.withers.Withers;

/**
 * Settings of EVA initialisation, with the names and defaults of PEFT's {@code eva_config}.
 *
 * @param rho how many times its own rank a module may get when the ranks go where they explain the
 *     most variance of the inputs. 1 leaves the ranks as they are. At least 1; 2
 * @param tau the cosine similarity between a direction and its estimate one batch earlier from
 *     which the direction counts as converged, in [0, 1]; 0.99
 * @param useLabelMask whether positions without a label are left out; true
 * @param labelMaskValue the label that marks such positions; -100
 * @param whiten whether each direction is divided by the square root of its singular value; false
 * @param adjustScalingFactors whether a module's alpha is changed in proportion to its rank; true
 */
@Withers
public record EvaConfig(
    double rho,
    double tau,
    boolean useLabelMask,
    long labelMaskValue,
    boolean whiten,
    boolean adjustScalingFactors)
    implements EvaConfigWithers {

  private static final EvaConfig DEFAULTS = new EvaConfig(2, 0.99, true, -100, false, true);

  /** Checks the values. */
  public EvaConfig {
    if (!(rho >= 1 && Double.isFinite(rho))) {
      throw new IllegalArgumentException("eva_config.rho is " + rho + "; expected 1 or more");
    }
    if (!(tau >= 0 && tau <= 1)) {
      throw new IllegalArgumentException("eva_config.tau is " + tau + "; expected [0, 1]");
    }
  }

  /** PEFT's defaults. */
  public static EvaConfig defaults() {
    return DEFAULTS;
  }

  /** The value of {@code eva_config} in {@code adapter_config.json}. */
  public JsonElement toJson() {
    return InitializationJson.write(this);
  }

  /** Reads {@code eva_config} of {@code adapter_config.json}. Missing fields get their defaults. */
  public static EvaConfig fromJson(JsonElement json) {
    return InitializationJson.read(json, DEFAULTS, EvaConfig.class);
  }
}
