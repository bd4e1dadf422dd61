package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import org.jspecify.annotations.Nullable;

/** A layer whose effect on a linear or embedding site can be written into the frozen weight. */
public interface Mergeable {

  /**
   * The weight that makes the plain site compute what the site with this layer computes.
   *
   * @param weight the site's present weight, as stored, in FLOAT32 or wider
   * @return a new tensor of the same shape
   */
  NDArray merge(NDArray weight);

  /**
   * The bias that goes with the merged weight of a linear site.
   *
   * @param bias the site's present bias, in FLOAT32 or wider
   * @return a new tensor of the same shape, or null if the bias stays as it is
   */
  default @Nullable NDArray mergeBias(NDArray bias) {
    return null;
  }
}
