package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Tape;

/**
 * What one forward pass computes with: which adapters, for which rows of the batch, and what holds
 * for the whole pass. It is handed from site to site, so that several passes of one model do not
 * know of each other.
 */
public interface ForwardContext {

  /** The adapters that compute. */
  Adapters adapters();

  /** Which rows of the batch are computed, where a composition sends rows different ways. */
  BatchRows rows();

  /** The same pass for other rows. */
  ForwardContext of(BatchRows rows);

  /** Whether a training step is running: dropout is on. */
  boolean isTraining();

  /** Whether queries may see nothing at all: padding on the left of a stack that is causal. */
  boolean hasFullyMaskedQueries();

  /** The value of this pass, computed before the first layer. */
  NDArray value(SharedTensor shared);

  /** How the segments of this pass are run. */
  Tape tape();
}
