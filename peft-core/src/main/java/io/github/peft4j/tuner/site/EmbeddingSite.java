package io.github.peft4j.tuner.site;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Computation;

/** An embedding: ids (B, T) → vectors (B, T, d). */
public final class EmbeddingSite extends WeightedSite {

  /**
   * Creates a site.
   *
   * @param weight the table [V, d]
   */
  public EmbeddingSite(String name, ParameterSite weight, Computation<NDArray, NDArray> base) {
    super(name, weight, null, base);
  }

  /** The number of vectors V. */
  public long entries() {
    return weight().shape().get(0);
  }

  /** The size of a vector d. */
  public long dimension() {
    return weight().shape().get(1);
  }
}
