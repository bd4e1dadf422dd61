package io.github.peft4j.methods.pruning;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.kernel.Scope;
import java.util.List;

/** Scores to masks: true for entries that are kept. */
final class Binarizer {

  /** v of each tensor, the highest. */
  private static final Kernel HIGHEST =
      Kernel.of(
          """
          def highest(s: Tensor, count: Tensor) -> Tensor:
              flat = torch.reshape(s, [-1])
              places = torch.topk(flat, int(count), 0, True, False)[1]
              kept = torch.index_fill(torch.zeros_like(flat), 0, places, 1)
              return torch.to(torch.reshape(kept, torch.size(s)), 11)
          """);

  /** S > τ, but of each tensor at least 1 in 200. */
  private static final Kernel ABOVE =
      Kernel.of(
          """
          def above(s: Tensor, threshold: Tensor) -> Tensor:
              size = torch.numel(s)
              least = int(0.005 * size) + 1
              kept = torch.gt({score}, threshold.to(s.dtype))
              if int(torch.sum(kept)) < least:
                  flat = torch.reshape(s, [-1])
                  kept = torch.gt(s, torch.kthvalue(flat, max(size - least, 1))[0])
              return kept
          """);

  /** The threshold above which v of all tensors are. */
  private static final Kernel COMMON =
      Kernel.of(
          """
          def common(scores: List[Tensor], part: List[Tensor]) -> Tensor:
              flats = annotate(List[Tensor], [])
              for s in scores:
                  _ = torch.append(flats, torch.reshape(s, [-1]))
              flat = torch.cat(flats)
              size = torch.numel(flat)
              return torch.kthvalue(flat, max(size - (int(size * float(part[0])) + 1), 1))[0]
          """);

  private static final Kernel PLAIN = ABOVE.with("score", "s");
  private static final Kernel SIGMOID = ABOVE.with("score", "torch.sigmoid(s)");

  private Binarizer() {}

  /**
   * The mask of one tensor.
   *
   * @param threshold for {@code topK} and {@code magnitude} the kept part; otherwise that of σ(S)
   */
  static NDArray mask(PruningMethod method, NDArray scores, double threshold) {
    if (method == PruningMethod.SIGMOIED_THRESHOLD) {
      try (NDArray limit = scores.getManager().create(threshold)) {
        return SIGMOID.call(scores, limit);
      }
    }
    long count = (long) (threshold * scores.size());
    try (NDArray k = scores.getManager().create(count)) {
      return HIGHEST.call(scores, k);
    }
  }

  /**
   * The mask of one of several tensors that compete.
   *
   * @param threshold as {@link #common} computes it
   */
  static NDArray above(NDArray scores, NDArray threshold) {
    return PLAIN.call(scores, Ops.beside(scores, threshold));
  }

  /** The threshold of several tensors of which a part is kept. */
  static NDArray common(List<NDArray> scores, double part) {
    try (Scope scope = new Scope();
        NDArray kept = scores.get(0).getManager().create(part)) {
      NDList all = new NDList();
      scores.forEach(some -> all.add(Ops.beside(scores.get(0), some)));
      return scope.keep(COMMON.callWithLists(all, new NDList(kept)).singletonOrThrow());
    }
  }
}
