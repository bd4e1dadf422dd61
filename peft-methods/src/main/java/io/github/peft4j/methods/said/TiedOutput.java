package io.github.peft4j.methods.said;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.SharedTensor;
import io.github.peft4j.tuner.TunerLayer;

/** y = W x + Δ x for an output map whose weight W [out, in] is also the token table: Δ is its Δ. */
final class TiedOutput extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final Kernel ADD =
      Kernel.of(
          """
          def add(x: Tensor, y: Tensor, change: Tensor) -> Tensor:
              matrix = torch.reshape(change, [torch.size(y, -1), torch.size(x, -1)])
              return torch.add(y, torch.linear(x, matrix.to(x.dtype)))
          """);

  private final SubspaceTensor table;
  private final SharedTensor values;

  /** Creates the layer for the table's layer. */
  TiedOutput(SubspaceTensor table) {
    this.table = table;
    this.values = reads(table.subspace().values());
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    return ADD.call(x, base.forward(x), table.change(base.context().value(values))); // (…, out)
  }

  @Override
  public NDArray merge(NDArray weight) {
    return table.merge(weight);
  }
}
