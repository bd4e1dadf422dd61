package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;

/**
 * A layer that adds a change of low rank to a linear map or a table: W + s B A, with A [r, in] and
 * B [out, r]. A table (V, d) counts as a map from V to d.
 */
public interface LowRank extends Mergeable {

  /** A [r, in]. */
  NDArray a();

  /** B [out, r]. */
  NDArray b();

  /** s. */
  double scale();
}
