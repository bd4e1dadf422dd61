package io.github.peft4j.tuner.injection;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TrainableCopy;
import io.github.peft4j.tuner.TunerLayer;

/**
 * A fully trained linear map y = W x without bias that shares its weight with another module, as a
 * language model's output shares the token table. W is a copy of its own or the trainable copy of
 * the table.
 */
final class TrainableLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final Kernel LINEAR =
      Kernel.of(
          """
          def linear(x: Tensor, weight: Tensor) -> Tensor:             # x (…, in), weight (out, in)
              return torch.linear(x, weight.to(x.dtype))
          """);

  private final Trainable weight;

  /**
   * Creates a map with a weight of its own.
   *
   * @param trained whether it is trained; if not, it is only loaded and saved
   */
  TrainableLinear(NDArray initial, boolean trained) {
    this.weight = trained ? trainable("weight", initial) : buffer("weight", initial);
  }

  /** Creates a map that uses the trainable copy of the table; the table's module saves it. */
  TrainableLinear(TrainableCopy table) {
    this.weight = table.value();
  }

  @Override
  public boolean isRepeatable() {
    return true;
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    return LINEAR.call(x, weight.value()); // (…, out)
  }

  @Override
  public NDArray merge(NDArray frozen) {
    return weight.value().duplicate();
  }
}
