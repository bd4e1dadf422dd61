package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;

/** A tensor of the model that is trained whole: its copy stands in for the frozen one. */
public final class TrainableCopy extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final Kernel LIKE =
      Kernel.of(
          """
          def like(copy: Tensor, frozen: Tensor) -> Tensor:
              return copy.to(frozen.dtype)
          """);

  private final Trainable copy;

  /**
   * Creates a copy.
   *
   * @param key of the tensor; empty if it is called as the frozen one
   * @param initial its first value, usually the frozen one's
   */
  public TrainableCopy(String key, NDArray initial) {
    this(key, initial, true);
  }

  /**
   * Creates a copy.
   *
   * @param trained whether it is trained; a file's value is used either way
   */
  public TrainableCopy(String key, NDArray initial, boolean trained) {
    this.copy = trained ? trainable(key, initial) : buffer(key, initial);
  }

  @Override
  public NDArray forward(NDArray frozen, Forward<NDArray, NDArray> base) {
    return LIKE.call(copy.value(), frozen);
  }

  @Override
  public NDArray merge(NDArray frozen) {
    return copy.value().duplicate();
  }

  /** The copy. */
  public Trainable value() {
    return copy;
  }
}
