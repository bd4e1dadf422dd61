package io.github.peft4j.tuner.site;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Computation;

/** A table look-up: ids (B, T) to vectors (B, T, d). */
public final class EmbeddingSite extends WeightedSite {

  /**
   * Creates a site.
   *
   * @param weight the table [V, d]
   */
  public EmbeddingSite(String name, ParameterSite weight, Computation<NDArray, NDArray> base) {
    super(name, weight, null, base);
  }

  /** V, the number of vectors. */
  public long entries() {
    return weight().shape().get(0);
  }

  /** d, the length of a vector. */
  public long dimension() {
    return weight().shape().get(1);
  }
}
