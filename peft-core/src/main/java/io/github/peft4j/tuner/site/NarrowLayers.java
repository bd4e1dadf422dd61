package io.github.peft4j.tuner.site;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.ForwardContext;
import org.jspecify.annotations.Nullable;

/**
 * Layers like those of a stack, but narrower. In a pass through the stack they use its masks and
 * positions. With a cache they have keys and values of their own beside the stack's.
 */
public interface NarrowLayers extends AutoCloseable {

  /** The size d of the hidden states. */
  long dimension();

  /**
   * Prepares a pass. It comes before the layers.
   *
   * @param first the input of the stack's first layer (B, n + T, D)
   */
  void enter(NDArray first, ForwardContext context);

  /**
   * Computes one layer.
   *
   * @param index a chosen layer
   * @param x (B, n + T, d)
   * @param memory what cross-attention reads (B, S, d); null if the stack has none, and where keys
   *     and values of it are in the pass's cache
   * @return (B, n + T, d)
   */
  NDArray layer(int index, NDArray x, @Nullable NDArray memory, ForwardContext context);

  /** The norm after the layers; x itself if the stack has none. */
  NDArray norm(NDArray x, ForwardContext context);

  /** Frees cached tables. */
  @Override
  void close();
}
