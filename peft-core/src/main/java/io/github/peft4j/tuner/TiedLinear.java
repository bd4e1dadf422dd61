package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;

/** y = E x, where E [V, d] is the trained copy of the token table. */
final class TiedLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final Kernel LINEAR =
      Kernel.of(
          """
          def linear(x: Tensor, table: Tensor) -> Tensor:            # x (…, d), table (V, d)
              return torch.linear(x, table.to(x.dtype))
          """);

  private final TrainableCopy table;

  TiedLinear(TrainableCopy table) {
    this.table = table;
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) {
    return LINEAR.call(x, table.value().value());
  }

  @Override
  public NDArray merge(NDArray weight) {
    return table.merge(weight);
  }
}
