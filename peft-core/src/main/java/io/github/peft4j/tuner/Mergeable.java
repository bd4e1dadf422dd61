package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import org.jspecify.annotations.Nullable;

/** A layer whose effect can be merged into the frozen weight of a linear or embedding site. */
public interface Mergeable {

  /**
   * The weight with which the plain site computes the same as the site with this layer.
   *
   * @param weight the site's current weight, as stored, in FLOAT32 or FLOAT64
   * @return a new tensor of the same shape
   */
  NDArray merge(NDArray weight);

  /**
   * The bias that goes with the merged weight of a linear site.
   *
   * @param bias the site's current bias, in FLOAT32 or FLOAT64
   * @return a new tensor of the same shape, or null if the bias does not change
   */
  default @Nullable NDArray mergeBias(NDArray bias) {
    return null;
  }
}
