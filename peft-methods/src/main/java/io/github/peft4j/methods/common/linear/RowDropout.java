package io.github.peft4j.methods.common.linear;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;

/**
 * What a training step leaves of a weight's change Δ [out, in]: each row of it, which is an output,
 * is dropped with one probability, and the whole of it with another (LyCORIS's rank dropout and
 * module dropout, as Hugging Face PEFT's LoHa and LoKr have them). The draws are those of PyTorch's
 * generator, which the tape seeds, so that a layer that runs again drops the same.
 */
public final class RowDropout {

  private static final Kernel KEEP =
      Kernel.of(
          """
          def keep(like: Tensor) -> Tensor:                                # (out)
              rows = torch.ge(torch.rand([{out}], dtype=6, layout=None, device=like.device), {rows})
              kept = rows.to(6)
              part = torch.clamp_min(torch.mean(kept), {least})            # 0 of 0 rows is 0
              module = torch.ge(torch.rand([1], dtype=6, layout=None, device=like.device), {module})
              return torch.mul(torch.div(kept, {divisor}), module.to(6)).to(like.dtype)
          """);
  private static final Kernel SCALE_ROWS =
      Kernel.of(
          """
          def scale_rows(matrix: Tensor, keep: Tensor) -> Tensor:          # (out, …), (out)
              return torch.mul(matrix, torch.unsqueeze(keep, 1))
          """);

  private final boolean drops;
  private final Kernel keep;

  /**
   * A dropout of the change of one weight.
   *
   * @param rows probability of a row to be dropped, in [0, 1)
   * @param scaled whether the rows that are left are divided by their share of all
   * @param module probability of the whole to be dropped, in [0, 1)
   * @param out number of rows
   */
  public RowDropout(double rows, boolean scaled, double module, long out) {
    this.drops = rows > 0 || module > 0;
    this.keep =
        KEEP.with("out", out)
            .with("rows", rows)
            .with("module", module)
            .with("least", 1.0 / out)
            .with("divisor", scaled ? "part" : "1.0");
  }

  /** Whether anything is ever dropped. */
  public boolean drops() {
    return drops;
  }

  /**
   * A new draw: what each row of Δ is to be multiplied by.
   *
   * @param like a tensor of the type and on the device that are wanted
   * @return [out]
   */
  public NDArray draw(NDArray like) {
    return keep.call(like);
  }

  /** Rows of a matrix [out, …] multiplied by a new draw. */
  public NDArray drop(NDArray matrix) {
    return SCALE_ROWS.call(matrix, draw(matrix));
  }
}
