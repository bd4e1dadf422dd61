package io.github.peft4j.tuner;

/**
 * A layer that adds a change of low rank to a linear map or a table: W + s B A, with A [r, in] and
 * B [out, r]. A table (V, d) counts as a map from V to d.
 */
public interface LowRank extends Mergeable {

  /** A [r, in]. */
  Trainable a();

  /** B [out, r]. */
  Trainable b();

  /** s. */
  double scale();
}
