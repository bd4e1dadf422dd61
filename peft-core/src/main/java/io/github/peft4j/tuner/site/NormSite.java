package io.github.peft4j.tuner.site;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Computation;
import org.jspecify.annotations.Nullable;

/** A layer norm or RMS norm over the last dimension: (…, D) → (…, D). */
public final class NormSite extends WeightedSite {

  /** Creates a site with a scale [D] and a shift [D]; an RMS norm has no shift. */
  public NormSite(
      String name,
      ParameterSite weight,
      @Nullable ParameterSite bias,
      Computation<NDArray, NDArray> base) {
    super(name, weight, bias, base);
  }
}
