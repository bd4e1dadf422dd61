package io.github.peft4j.methods.rocoft;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.LinearSite;

/** y = W x + b + [R; 0] x, with R [r, in]. */
final class RowsLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final Kernel ADD =
      Kernel.of(
          """
          def add(y: Tensor, x: Tensor, rows: Tensor) -> Tensor:   # y (…, out), x (…, in)
              change = torch.linear(x, rows.to(x.dtype))           # (…, r)
              return torch.add(y, torch.constant_pad_nd(change, [0, {rest}]))
          """);
  private static final Kernel MERGE =
      Kernel.of(
          """
          def merge(weight: Tensor, rows: Tensor) -> Tensor:       # weight as it is stored
              delta = torch.constant_pad_nd(rows, [0, 0, 0, {rest}])
              return torch.add(weight, {delta})
          """);

  private final Trainable rows;
  private final Kernel add;
  private final Kernel merge;

  RowsLinear(LinearSite site, NDArray start) {
    this.rows = trainable("rocoft_rows", start);
    long rest = site.outFeatures() - start.getShape().get(0);
    this.add = ADD.with("rest", rest);
    String delta = site.isTransposed() ? "torch.t(delta)" : "delta";
    this.merge = MERGE.with("rest", rest).with("delta", delta);
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    return add.call(base.forward(x), x, rows.value()); // (…, out)
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.call(weight, rows.value());
  }
}
