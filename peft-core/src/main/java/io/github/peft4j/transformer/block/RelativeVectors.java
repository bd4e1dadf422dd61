package io.github.peft4j.transformer.block;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.pass.Pass;
import java.util.Optional;
import java.util.stream.LongStream;
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

  private static final String PLACE =
      """
      def bucket(d: Tensor) -> Tensor:
          middle = {span} // 2
          far = torch.clamp(torch.abs(d), middle - 1)
          share = torch.log(torch.div(far.to(6), middle))
          most = torch.log(torch.full([], {ratio}, dtype=6, layout=None, device=d.device))
          wide = torch.ceil(torch.mul(torch.div(share, most), middle - 1))
          wide = torch.mul(torch.add(wide, middle), torch.sign(d)).to(4)
          return torch.where(torch.le(torch.abs(d), middle), d, wide)
      def place(d: Tensor) -> Tensor:
          return torch.clamp(torch.add({distance}, {span}), 0, 2 * {span} - 1)
      """;

  /**
   * δ (T, T). Buckets are computed in 32 bits, as transformers computes them: at a bucket's edge
   * rounding decides.
   */
  private static final Kernel PLACES =
      Kernel.of(
          PLACE
              + """
              def places(x: Tensor) -> Tensor:                       # x (B, T, D)
                  p = torch.arange(torch.size(x, 1), dtype=4, layout=None, device=x.device)
                  return place(torch.sub(torch.unsqueeze(p, 1), p))
              """);

  private static final Kernel PLACES_OF_DISTANCES =
      Kernel.of(
          PLACE
              + """
              def places(distances: Tensor) -> Tensor:
                  return place(distances)
              """);

  /** The largest distance in a table of places. */
  private static final double FARTHEST = 1 << 20;

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
    this.places = with(PLACES, table.entries() / 2, farthest);
  }

  private static Kernel with(Kernel kernel, long span, int farthest) {
    long middle = span / 2;
    return kernel
        .with("distance", farthest > 0 ? "bucket(d)" : "d")
        .with("span", span)
        .with("ratio", farthest > 0 ? (farthest - 1.0) / middle : 1);
  }

  /**
   * δ of each distance of a query from a key: -n … n, where n is so large that farther ones have
   * the same δ.
   *
   * @param span k
   * @param farthest the distance of the last bucket, above k / 2 + 1; 0 for no buckets
   * @return empty if n is above a million
   */
  public static Optional<long[]> places(int span, int farthest) {
    double reach = reach(span, farthest);
    if (reach > FARTHEST) {
      return Optional.empty();
    }
    try (NDManager manager = Tensors.newManager(Device.cpu());
        Scope scope = new Scope()) {
      long n = (long) reach;
      NDArray distances = manager.create(LongStream.rangeClosed(-n, n).toArray());
      return Optional.of(with(PLACES_OF_DISTANCES, span, farthest).call(distances).toLongArray());
    }
  }

  /** Where m + ⌈(m - 1) log(n / m) / log(ratio)⌉ passes k, with m = k / 2 and one more. */
  private static double reach(int span, int farthest) {
    int middle = span / 2;
    if (farthest == 0 || middle < 2) {
      return span + 1.0;
    }
    double ratio = (farthest - 1.0) / middle;
    return Math.ceil(middle * Math.pow(ratio, (span - middle) / (middle - 1.0))) + 2;
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
