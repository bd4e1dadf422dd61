package io.github.peft4j.toy;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import java.util.function.BinaryOperator;

/** y = s (W x + b) + t Σx: the order of two such layers makes a difference. */
public final class ToyLayer extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final Kernel CHANGE =
      Kernel.of(
          """
          def change(y: Tensor, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
              return scale.to(y.dtype) * y + shift.to(y.dtype) * torch.sum(x, [-1], True)  # y (…, out), x (…, in)
          """);
  private static final Kernel MERGE =
      Kernel.of(
          """
          def merge(weight: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
              return scale * weight + shift
          """);

  /** Replaces the output y of each layer, given x and y: for tests of what fails in a pass. */
  public static volatile BinaryOperator<NDArray> tamper = (x, y) -> y;

  /** Whether {@link #isMadeOfKernels}. */
  public static volatile boolean kernels;

  private final Trainable scale;
  private final Trainable shift;

  /** A layer that owns its two numbers, each of shape (1). */
  public ToyLayer(NDArray scale, NDArray shift) {
    this.scale = trainable("toy_scale", scale);
    this.shift = trainable("toy_shift", shift);
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) {
    return tamper.apply(x, CHANGE.call(base.forward(x), x, scale.value(), shift.value()));
  }

  @Override
  public boolean isRepeatable() {
    return true;
  }

  @Override
  public boolean isMadeOfKernels() {
    return kernels;
  }

  @Override
  public NDArray merge(NDArray weight) {
    return MERGE.call(weight, scale.value(), shift.value());
  }

  @Override
  public NDArray mergeBias(NDArray bias) {
    return bias.mul(scale.value());
  }
}
