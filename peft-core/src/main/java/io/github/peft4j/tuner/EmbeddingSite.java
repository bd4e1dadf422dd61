package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;

/** A table look-up: ids (B, T) to vectors (B, T, d). */
public final class EmbeddingSite extends Site<NDArray, NDArray> {

  private final ParameterSite weight;

  /**
   * Creates a site.
   *
   * @param weight the table [V, d]
   */
  public EmbeddingSite(String name, ParameterSite weight, Forward<NDArray, NDArray> base) {
    super(name, base);
    this.weight = weight;
  }

  /** The table [V, d]. */
  public ParameterSite weight() {
    return weight;
  }

  /** V, the number of vectors. */
  public long entries() {
    return weight.shape().get(0);
  }

  /** d, the length of a vector. */
  public long dimension() {
    return weight.shape().get(1);
  }

  @Override
  public ParameterSite weightSite() {
    return weight;
  }

  @Override
  public boolean reads(String adapter) {
    return weight.layer(adapter) != null;
  }

  @Override
  public Splitting<NDArray> inputs() {
    return ArrayRows.INSTANCE;
  }

  @Override
  public Joining<NDArray> outputs() {
    return ArrayRows.INSTANCE;
  }
}
