package io.github.peft4j.methods.hra;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.methods.common.linear.LinearMethod;
import io.github.peft4j.tuner.injection.Initializer;

/**
 * HRA (Yuan et al. 2024): W H₁ H₂ … Hᵣ x, with Householder reflections Hᵢ = 1 - 2 uᵢ uᵢᵀ / ‖uᵢ‖².
 */
public final class Hra extends LinearMethod<HraConfig> {

  /** The method. */
  public Hra() {
    super(
        "HRA",
        HraConfig.class,
        (site, config, initial) ->
            new HraLinear(
                columns(config, Math.toIntExact(site.inFeatures()), initial),
                config.applyGs(),
                site.isTransposed()));
  }

  /**
   * Pairs of equal columns, whose reflections cancel each other. With Gram-Schmidt the columns must
   * differ.
   */
  private static NDArray columns(HraConfig config, int in, Initializer initial) {
    int r = config.r();
    if (!config.initWeights() || config.applyGs() || r % 2 == 1) {
      return initial.kaimingUniform(in, r);
    }
    float[] values = new float[in * r];
    for (int i = 0; i < values.length; i += 2) {
      values[i] = (float) ((2 * initial.random().nextDouble() - 1) / Math.sqrt(r / 2.0));
      values[i + 1] = values[i];
    }
    return initial.of(values, in, r);
  }
}
