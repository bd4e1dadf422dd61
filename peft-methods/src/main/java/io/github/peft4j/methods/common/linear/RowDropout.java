package io.github.peft4j.methods.common.linear;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;

/**
 * Dropout of a weight update Δ [out, in] in a training step. Each row, which is one output, is
 * dropped with one probability, and the whole update with another: LyCORIS's rank dropout and
 * module dropout, as in Hugging Face PEFT's LoHa and LoKr. The draws come from PyTorch's generator,
 * which the tape seeds, so that a recomputed layer drops the same rows.
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
   * Creates the dropout of one weight's update.
   *
   * @param rows probability that a row is dropped, in [0, 1)
   * @param scaled whether the remaining rows are divided by the fraction that remains
   * @param module probability that the whole update is dropped, in [0, 1)
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
   * Draws a factor for each row of Δ.
   *
   * @param like a tensor of the result's type and device
   * @return [out]
   */
  public NDArray draw(NDArray like) {
    return keep.call(like);
  }

  /** Multiplies the rows of a matrix [out, …] by newly drawn factors. */
  public NDArray drop(NDArray matrix) {
    return SCALE_ROWS.call(matrix, draw(matrix));
  }
}
