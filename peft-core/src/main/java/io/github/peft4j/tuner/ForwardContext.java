package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Tape;
import org.jspecify.annotations.Nullable;

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

  /**
   * The token ids (B, T) that the stack reads in this pass, without virtual tokens: those of the
   * rows that are computed. With a cache these are the new ones only. Before a stack is entered, as
   * for a {@link SharedTensor}, they are the model's input; an encoder-decoder's is what its
   * encoder reads.
   */
  NDArray ids();

  /**
   * Which of the tokens are real, for the rows that are computed: (B, past + T), 1 for tokens and 0
   * for padding; null if there is no padding. Virtual tokens are not in it.
   */
  @Nullable NDArray mask();

  /**
   * Which of the tokens the model is given, for the rows that are computed: (B, T), 0 for padding;
   * null if all are. In training, a causal language model is given the tokens before the first that
   * it learns to write. What is computed from a text as a whole must not see the others.
   */
  @Nullable NDArray given();

  /** n, the number of virtual tokens that come before the tokens in hidden states (B, n + T, D). */
  long virtual();

  /** The number of positions that a cache holds, those of virtual tokens included. */
  long past();

  /**
   * The last hidden states (B, T, D) of the frozen model for its input, without adapters and
   * without gradients; those of the encoder, if there is one. They are computed at the first call
   * of a pass. A {@link SharedTensor} may be computed from them.
   */
  NDArray frozenStates();

  /**
   * A number of each row that was given with the input, such as the task of each text: int64 (b)
   * for b rows that are computed, or for b items of them (see {@link BatchRows}); (1) if all have
   * the same; null if none was given.
   *
   * @param name such as {@code task_ids}
   */
  @Nullable NDArray rowValue(String name);

  /**
   * The number of copies of the batch that the rows are: all rows of the first copy come first. An
   * objective may compare several passes over one batch, such as passes with different dropout,
   * which run as one.
   */
  int copies();

  /** Whether this is a training step, so that dropout applies. */
  boolean isTraining();

  /** Whether some queries are fully masked, as with padding on the left in a causal stack. */
  boolean hasFullyMaskedQueries();

  /** The value of a shared tensor in this pass, computed before the first layer. */
  NDArray value(SharedTensor shared);

  /**
   * Leaves a tensor for a layer that comes later in this pass, such as one of a decoder.
   *
   * @param layer the layer that leaves it
   * @param value readable for later segments, see {@link Tape#share}
   */
  void leave(TunerLayer<?, ?> layer, NDArray value);

  /** What a layer has left in this pass, or null. */
  @Nullable NDArray left(TunerLayer<?, ?> layer);

  /**
   * Whether the segment that runs computes with kernels alone, so that a tape that records it
   * {@linkplain io.github.peft4j.kernel.Kernel#isNoted notes} them. It is known before: what runs
   * again later may round as it will then.
   */
  boolean isOfKernels();

  /** How the segments of this pass are run. */
  Tape tape();
}
