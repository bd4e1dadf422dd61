package io.github.peft4j.adapter.combine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Kernel;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Arithmetic on changes of one weight: tensors of one shape, and their factors. */
final class DeltaArithmetic {

  private static final Kernel LARGEST =
      Kernel.of(
          """
          def largest(x: Tensor) -> Tensor:
              flat = torch.reshape(x, [-1])
              values, places = torch.topk(torch.abs(flat), int({density} * torch.numel(x)))
              mask = torch.index_fill(torch.zeros_like(flat), 0, places, 1)
              return torch.reshape(torch.mul(flat, mask), torch.size(x))
          """);
  private static final Kernel DROP =
      Kernel.of(
          """
          def drop(x: Tensor) -> Tensor:
              mask = torch.bernoulli(torch.full_like(x, {density}))
              return torch.div(torch.mul(x, mask), {density})
          """);
  private static final Kernel SUM =
      Kernel.of(
          """
          def sum(changes: List[Tensor], weighted: List[Tensor]) -> Tensor:
              return torch.sum(torch.stack(weighted), [0])
          """);
  private static final Kernel MEAN_OF_ELECTED =
      Kernel.of(
          """
          def mean_of_elected(changes: List[Tensor], weighted: List[Tensor]) -> Tensor:
              x = torch.stack(changes)                                    # (n, …)
              plus = torch.ge(torch.sum({votes}, [0]), 0)
              agrees = torch.where(plus, torch.gt(x, 0), torch.lt(x, 0)).to(x.dtype)
              total = torch.sum(torch.mul(torch.stack(weighted), agrees), [0])
              return torch.div(total, torch.clamp_min(torch.sum(agrees, [0]), 1))
          """);
  private static final Kernel SCALE =
      Kernel.of(
          """
          def scale(a: Tensor) -> Tensor:
              return torch.mul(a, {scale})
          """);
  private static final Kernel JOIN =
      Kernel.of(
          """
          def join(factors: List[Tensor]) -> Tensor:
              return torch.cat(factors, {dimension})
          """);
  private static final Kernel PRODUCT =
      Kernel.of(
          """
          def product(a: Tensor, b: Tensor) -> Tensor:
              return torch.mm(b, a)
          """);
  private static final Kernel DECOMPOSE =
      Kernel.of(
          """
          def decompose(x: Tensor) -> List[Tensor]:                       # (out, in) → A, B
              u, s, vh = torch.linalg_svd(x, False)
              b = torch.mul(torch.narrow(u, 1, 0, {rank}), torch.narrow(s, 0, 0, {rank}))
              return [torch.narrow(vh, 0, 0, {rank}), b]
          """);
  // B A = Qb (Rb Raᵀ) Qaᵀ: only the small product in the middle is decomposed.
  private static final Kernel TRUNCATE =
      Kernel.of(
          """
          def truncate(a: Tensor, b: Tensor) -> List[Tensor]:             # a (n, in), b (out, n)
              qa, ra = torch.linalg_qr(torch.t(a))
              qb, rb = torch.linalg_qr(b)
              u, s, vh = torch.linalg_svd(torch.mm(rb, torch.t(ra)), False)
              left = torch.mul(torch.narrow(u, 1, 0, {rank}), torch.narrow(s, 0, 0, {rank}))
              return [torch.mm(torch.narrow(vh, 0, 0, {rank}), torch.t(qa)), torch.mm(qb, left)]
          """);

  // torch.quantile takes no more than 16 million elements.
  private static final Kernel CLAMP =
      Kernel.of(
          """
          def clamp(a: Tensor, b: Tensor) -> List[Tensor]:
              all = torch.cat([torch.reshape(b, [-1]), torch.reshape(a, [-1])], 0)
              place = {quantile} * (torch.size(all, 0) - 1)
              below, i = torch.kthvalue(all, int(place) + 1)
              above, j = torch.kthvalue(all, torch.size(all, 0) - int(float(torch.size(all, 0) - 1) - place))
              high = torch.lerp(below, above, place - float(int(place)))
              return [torch.minimum(torch.maximum(a, torch.neg(high)), high), torch.minimum(torch.maximum(b, torch.neg(high)), high)]
          """);

  private DeltaArithmetic() {}

  /**
   * A change as a product of factors.
   *
   * @param a A [r, in], scale included
   * @param b B [out, r]
   */
  record Factors(NDArray a, NDArray b) {

    static Factors of(NDArray a, NDArray b, double scale) {
      return new Factors(SCALE.with("scale", scale).call(a), b);
    }

    int rank() {
      return Math.toIntExact(a.getShape().get(0));
    }

    /** The product B A [out, in]. */
    NDArray product() {
      return PRODUCT.call(a, b);
    }

    /** The nearest factors of this rank, clipped; the same object if neither changes anything. */
    Factors truncate(int rank, double clamp) {
      if (rank >= rank() && clamp == 1) {
        return this;
      }
      long most = Math.min(a.getShape().get(1), b.getShape().get(0));
      long kept = Math.min(Math.min(rank, rank()), most);
      return factors(TRUNCATE.with("rank", kept).callForAll(a, b)).clamp(clamp);
    }

    /** Both factors with their elements clipped to plus and minus this quantile of all of them. */
    Factors clamp(double quantile) {
      return quantile == 1 ? this : factors(CLAMP.with("quantile", quantile).callForAll(a, b));
    }
  }

  /** Σ wᵢ Bᵢ Aᵢ, exactly: [B₁ B₂ …] [w₁ A₁; w₂ A₂; …]. */
  static Factors sum(List<Factors> factors, List<Double> weights) {
    NDList as = new NDList();
    NDList bs = new NDList();
    for (int i = 0; i < factors.size(); i++) {
      as.add(SCALE.with("scale", weights.get(i)).call(factors.get(i).a()));
      bs.add(factors.get(i).b());
    }
    return new Factors(
        JOIN.with("dimension", 0).callWithLists(as).singletonOrThrow(),
        JOIN.with("dimension", 1).callWithLists(bs).singletonOrThrow());
  }

  /** Combines changes of one shape. */
  static NDArray combine(List<NDArray> changes, List<Double> weights, Combination how) {
    NDList left = new NDList();
    NDList weighted = new NDList();
    for (int i = 0; i < changes.size(); i++) {
      NDArray pruned = prune(changes.get(i), how);
      left.add(pruned);
      weighted.add(SCALE.with("scale", weights.get(i)).call(pruned));
    }
    return combining(how.election()).callWithLists(left, weighted).singletonOrThrow();
  }

  private static NDArray prune(NDArray change, Combination how) {
    return switch (how.pruning()) {
      case NONE -> change;
      case MAGNITUDE -> LARGEST.with("density", how.density()).call(change);
      case RANDOM -> DROP.with("density", how.density()).call(change);
    };
  }

  private static Kernel combining(Combination.@Nullable Election election) {
    if (election == null) {
      return SUM;
    }
    return MEAN_OF_ELECTED.with(
        "votes", election == Combination.Election.TOTAL ? "x" : "torch.sign(x)");
  }

  /** The nearest factors of this rank to a change [out, in]. */
  static Factors decompose(NDArray change, int rank) {
    long most = Math.min(change.getShape().get(0), change.getShape().get(1));
    return factors(DECOMPOSE.with("rank", Math.min(rank, most)).callForAll(change));
  }

  private static Factors factors(NDList ab) {
    return new Factors(ab.get(0), ab.get(1));
  }

  /** The weights of the entries that are not null. */
  static <T> List<Double> of(List<@Nullable T> present, List<Double> weights) {
    return IntStream.range(0, weights.size())
        .filter(i -> present.get(i) != null)
        .mapToObj(weights::get)
        .toList();
  }
}
