package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.transformer.pass.Pass;
import org.jspecify.annotations.Nullable;

/**
 * A vector for each relative position of a query and a key, which all layers of a stack share (He
 * et al. 2020, arXiv:2006.03654): δ(i, j) = i - j + k within [0, 2k). In DeBERTa v2, distances up
 * to k / 2 have a vector of their own, and farther ones share logarithmically wider buckets.
 */
public final class RelativeVectors extends NamedBlock {

  private static final Kernel ROW =
      Kernel.of(
          """
          def row(table: Tensor) -> Tensor:                      # (2k, D) → (1, 2k, D)
              return torch.unsqueeze(table, 0)
          """);

  /**
   * δ (T, T). Buckets are computed in 32 bits, as transformers computes them: at a bucket's edge
   * rounding decides.
   */
  private static final Kernel PLACES =
      Kernel.of(
          """
          def bucket(d: Tensor) -> Tensor:
              middle = {span} // 2
              far = torch.clamp(torch.abs(d), middle - 1)
              share = torch.log(torch.div(far.to(6), middle))
              most = torch.log(torch.full([], {ratio}, dtype=6, layout=None, device=d.device))
              wide = torch.ceil(torch.mul(torch.div(share, most), middle - 1))
              wide = torch.mul(torch.add(wide, middle), torch.sign(d)).to(4)
              return torch.where(torch.le(torch.abs(d), middle), d, wide)
          def places(x: Tensor) -> Tensor:                       # x (B, T, D)
              p = torch.arange(torch.size(x, 1), dtype=4, layout=None, device=x.device)
              d = torch.sub(torch.unsqueeze(p, 1), p)
              return torch.clamp(torch.add({distance}, {span}), 0, 2 * {span} - 1)
          """);

  private final Embedding table;
  private final @Nullable Norm norm;
  private final Kernel places;

  /**
   * Creates the vectors.
   *
   * @param table [2k, D]
   * @param norm of the vectors, or null
   * @param farthest the distance of the last bucket, above k / 2 + 1; 0 for no buckets
   */
  public RelativeVectors(Embedding table, @Nullable Norm norm, int farthest) {
    super(table.name());
    this.table = part(table);
    this.norm = norm == null ? null : part(norm);
    long span = table.entries() / 2;
    long middle = span / 2;
    this.places =
        PLACES
            .with("distance", farthest > 0 ? "bucket(d)" : "d")
            .with("span", span)
            .with("ratio", farthest > 0 ? (farthest - 1.0) / middle : 1);
  }

  /**
   * Sets vectors and places of a pass.
   *
   * @param first the first hidden state (B, T, D)
   */
  void enter(NDArray first, Pass pass) {
    Tape tape = pass.tape();
    pass.relate(tape.share(tape.source(() -> vectors(pass))), places.call(first));
  }

  private NDArray vectors(Pass pass) {
    NDArray row = ROW.call(table.weight(pass));
    return norm == null ? row : norm.forward(row, pass);
  }
}
