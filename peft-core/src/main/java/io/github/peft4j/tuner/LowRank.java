package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;

/**
 * A layer that adds a low-rank change to a linear map or an embedding table: W + s B A, with A [r,
 * in] and B [out, r]. A table [V, d] counts as a map with in = V and out = d.
 */
public interface LowRank extends Mergeable {

  /** The factor A [r, in]. */
  NDArray a();

  /** The factor B [out, r]. */
  NDArray b();

  /** The scale s. */
  double scale();
}
