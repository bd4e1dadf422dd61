package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import java.util.List;
import java.util.function.Function;

/**
 * A tensor that an adapter computes once a pass and reads at many sites: the output of a prefix
 * encoder, which every layer reads. A layer that reads one says so by {@link TunerLayer#reads}, and
 * asks the {@link ForwardContext} for its value.
 *
 * <p>It is computed before the first layer and enters each segment of the way back as a leaf; the
 * gradients of all segments are added up and go through the computation once, whether or not layers
 * are recomputed.
 */
public final class SharedTensor {

  private final List<Trainable> sources;
  private final Function<ForwardContext, NDArray> computation;

  /**
   * Describes a tensor.
   *
   * @param sources the trained tensors it is computed from; a layer declares them besides
   * @param computation makes a new tensor of them, not one of them itself
   */
  public SharedTensor(List<Trainable> sources, Function<ForwardContext, NDArray> computation) {
    this.sources = List.copyOf(sources);
    this.computation = computation;
  }

  /** Computes the tensor. */
  public NDArray compute(ForwardContext context) {
    return computation.apply(context);
  }

  /** Whether a gradient is wanted. */
  boolean trains() {
    return sources.stream().anyMatch(Trainable::trains);
  }
}
