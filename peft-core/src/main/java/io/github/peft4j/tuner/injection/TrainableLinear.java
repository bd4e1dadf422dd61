package io.github.peft4j.tuner.injection;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TrainableCopy;
import io.github.peft4j.tuner.TunerLayer;

/**
 * A linear map without a bias whose weight is another module's as well, as a language model's
 * output may be the token table, and is trained whole: y = W x with a weight of its own, or with
 * the copy of the table that is trained.
 */
final class TrainableLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final Kernel LINEAR =
      Kernel.of(
          """
          def linear(x: Tensor, weight: Tensor) -> Tensor:             # x (…, in), weight (out, in)
              return torch.linear(x, weight.to(x.dtype))
          """);

  private final Trainable weight;

  /** With a weight of its own. */
  TrainableLinear(NDArray initial) {
    this.weight = trainable("weight", initial);
  }

  /** With the trained table, which is the other module's to save. */
  TrainableLinear(TrainableCopy table) {
    this.weight = table.value();
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
