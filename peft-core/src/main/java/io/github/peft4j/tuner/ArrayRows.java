package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.kernel.Tensors;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Arrays (B, …), split and joined along their first dimension. */
public final class ArrayRows implements Joining<NDArray> {

  public static final ArrayRows INSTANCE = new ArrayRows();

  private static final Kernel SELECT =
      Kernel.of(
          """
          def select(x: Tensor, rows: Tensor) -> Tensor:
              return torch.index_select(x, 0, rows)
          """);
  private static final Kernel SCALE =
      Kernel.of(
          """
          def scale(x: Tensor) -> Tensor:
              return torch.mul(x, {w})
          """);
  private static final Kernel ADD =
      Kernel.of(
          """
          def add(sum: Tensor, x: Tensor) -> Tensor:
              return torch.add(sum, x, alpha={w})
          """);

  private ArrayRows() {}

  @Override
  public long rows(NDArray value) {
    return value.getShape().get(0);
  }

  @Override
  public NDArray select(NDArray value, Rows rows) {
    if (!rows.isRange()) {
      return SELECT.call(value, Tensors.longs(value.getManager(), rows.numbers()));
    }
    return rows.count() == rows(value) ? value : Ops.narrow(value, rows.get(0), rows.count());
  }

  /** Selects rows; null stays null. */
  public @Nullable NDArray selectIfAny(@Nullable NDArray value, Rows rows) {
    return value == null ? null : select(value, rows);
  }

  @Override
  public NDArray concatenate(List<NDArray> values) {
    return Ops.concatenate(values);
  }

  @Override
  public NDArray sum(List<NDArray> values, List<Double> weights) {
    NDArray sum = SCALE.with("w", weights.get(0)).call(values.get(0));
    for (int i = 1; i < values.size(); i++) {
      sum = ADD.with("w", weights.get(i)).call(sum, values.get(i));
    }
    return sum;
  }
}
