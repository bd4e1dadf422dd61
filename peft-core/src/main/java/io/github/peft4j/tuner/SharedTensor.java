package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import java.util.List;
import java.util.function.Function;

/**
 * A tensor that an adapter computes once per pass and reads at many sites, such as the output of a
 * prefix encoder. A layer that reads one declares it by {@link TunerLayer#reads} and gets its value
 * from the {@link ForwardContext}.
 *
 * <p>It is computed before the first layer and is a leaf of each segment in the backward pass. The
 * gradients of all segments are added up and then pass through the computation once, whether or not
 * layers are recomputed.
 */
public final class SharedTensor {

  private final List<Trainable> sources;
  private final Function<ForwardContext, NDArray> computation;

  /**
   * Creates a shared tensor.
   *
   * @param sources the trainable tensors that it is computed from; a layer has to declare them as
   *     well
   * @param computation computes the value; it must return a new tensor, not one of the sources
   */
  public SharedTensor(List<Trainable> sources, Function<ForwardContext, NDArray> computation) {
    this.sources = List.copyOf(sources);
    this.computation = computation;
  }

  /** Computes the tensor. */
  public NDArray compute(ForwardContext context) {
    return computation.apply(context);
  }

  /** Whether a source needs a gradient. */
  boolean trains() {
    return sources.stream().anyMatch(Trainable::trains);
  }
}
