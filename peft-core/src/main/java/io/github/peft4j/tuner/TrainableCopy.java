package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;

/** A trainable copy of one of the model's tensors, used in place of the frozen tensor. */
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
   * @param key of the copy; empty if it has the frozen tensor's name
   * @param initial its initial value, usually that of the frozen tensor
   */
  public TrainableCopy(String key, NDArray initial) {
    this(key, initial, true);
  }

  /**
   * Creates a copy.
   *
   * @param trained whether it is trained; if not, it is only loaded and saved
   */
  public TrainableCopy(String key, NDArray initial, boolean trained) {
    this.copy = trained ? trainable(key, initial) : buffer(key, initial);
  }

  @Override
  public boolean isRepeatable() {
    return true;
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
