package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Tape;

/**
 * The state of one forward pass: its adapters, the rows of the batch, and values of the whole pass.
 * Sites pass it on to each other, so that several passes of one model are independent.
 */
public interface ForwardContext {

  /** The adapters of the pass. */
  Adapters adapters();

  /** The rows that are computed, if a composition uses different adapters for different rows. */
  BatchRows rows();

  /** The same pass with other rows. */
  ForwardContext of(BatchRows rows);

  /** Whether this is a training step, so that dropout applies. */
  boolean isTraining();

  /** Whether some queries are fully masked, as with padding on the left in a causal stack. */
  boolean hasFullyMaskedQueries();

  /** The value of a shared tensor in this pass, computed before the first layer. */
  NDArray value(SharedTensor shared);

  /** How the segments of this pass are run. */
  Tape tape();
}
