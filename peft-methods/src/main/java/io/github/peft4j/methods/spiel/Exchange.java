package io.github.peft4j.methods.spiel;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tensors;
import java.util.Map;
import java.util.Objects;

/** Drops entries of one weight and grows others in their place, whose values start at zero. */
final class Exchange {

  private static final Kernel BY_GRADIENTS =
      Kernel.of(
          """
          def mask(size: int, places: Tensor) -> Tensor:
              none = torch.zeros([size], dtype=11, device=places.device)
              return torch.index_fill_(none, 0, places, 1)

          def exchange(values: Tensor, indices: Tensor, candidates: Tensor, sums: Tensor, squares: Tensor, m: Tensor, v: Tensor, age: Tensor, betas: Tensor, numbers: Tensor) -> Tensor:
              count, steps, size, columns = int(numbers[0]), int(numbers[1]), int(numbers[2]), int(numbers[3])
              active = torch.to(indices, 4)
              changes, slots = torch.topk(torch.abs(values), count, 0, False, True)
              dropped = torch.index_select(active, 0, slots)
              is_dropped = mask(size, dropped)
              remains = torch.logical_and(mask(size, active), torch.logical_not(is_dropped))
              at = torch.to(candidates, 4)
              at = torch.add(torch.mul(torch.select(at, 0, 0), columns), torch.select(at, 0, 1))
              free = torch.reshape(torch.nonzero(torch.logical_not(torch.index_select(remains, 0, at))), [-1])
              most = min(count, torch.size(free, 0))
              scores, best = torch.topk(torch.abs(torch.index_select(sums, 0, free)), most, 0, True, True)
              chosen = torch.index_select(free, 0, best)
              grown = torch.index_select(at, 0, chosen)
              new = torch.reshape(torch.nonzero(torch.logical_not(torch.index_select(is_dropped, 0, grown))), [-1])
              gone = torch.reshape(torch.nonzero(torch.logical_not(torch.index_select(mask(size, grown), 0, dropped))), [-1])
              slots = torch.narrow(torch.index_select(slots, 0, gone), 0, 0, torch.size(new, 0))
              chosen = torch.index_select(chosen, 0, new)
              torch.index_copy_(indices, 0, slots, torch.to(torch.index_select(grown, 0, new), 3))
              torch.index_fill_(values, 0, slots, 0)
              bias = torch.rsub(torch.pow(betas, steps), 1)
              torch.index_copy_(m, 0, slots, torch.mul(torch.div(torch.index_select(sums, 0, chosen), steps), bias[0]))
              torch.index_copy_(v, 0, slots, torch.mul(torch.div(torch.index_select(squares, 0, chosen), steps), bias[1]))
              torch.index_fill_(age, 0, slots, steps)
              return values
          """);
  private static final Kernel BY_MOMENTS =
      Kernel.of(
          """
          def exchange(values: Tensor, indices: Tensor, rows: Tensor, columns: Tensor, count: Tensor) -> Tensor:
              active = torch.to(indices, 4)
              scores = torch.reshape(torch.outer(rows, columns), [-1])
              torch.index_fill_(scores, 0, active, -1)
              n = min(int(count), torch.numel(scores) - torch.size(active, 0))
              changes, slots = torch.topk(torch.abs(values), n, 0, False, True)
              most, grown = torch.topk(scores, n, 0, True, False)
              torch.index_copy_(indices, 0, slots, torch.to(grown, 3))
              return torch.index_fill_(values, 0, slots, 0)
          """);

  private Exchange() {}

  /**
   * Grows the candidates with the largest sums of gradients. A candidate that is trained already
   * stays as it is. A new entry's moments are those of the gradients that it accumulated, as if it
   * had been trained for so many steps.
   *
   * @param count the number of entries to drop
   * @param steps the number of steps in the sums
   * @param moments the optimizer's state of the values
   */
  static void byGradients(
      ExchangedEntries layer, int count, int steps, Map<String, NDArray> moments) {
    Candidates.Kept kept = layer.candidates().kept();
    NDArray numbers =
        layer
            .values()
            .value()
            .getManager()
            .create(new long[] {count, steps, layer.rows() * layer.columns(), layer.columns()});
    try (numbers) {
      BY_GRADIENTS
          .call(
              layer.values().value(),
              layer.trained(),
              kept.candidates(),
              kept.sums(),
              kept.squares(),
              of(moments, "exp_avg"),
              of(moments, "exp_avg_sq"),
              of(moments, "age"),
              of(moments, "betas"),
              numbers)
          .close();
    }
  }

  /**
   * Grows the entries with the largest products of row and column moments.
   *
   * @param count the number of entries to drop
   */
  static void byMoments(ExchangedEntries layer, int count, Map<String, NDArray> moments) {
    try (NDArray number = Tensors.scalar(count)) {
      BY_MOMENTS
          .call(
              layer.values().value(),
              layer.trained(),
              of(moments, "accumulator_0"),
              of(moments, "accumulator_1"),
              number)
          .close();
    }
  }

  private static NDArray of(Map<String, NDArray> moments, String name) {
    return Objects.requireNonNull(moments.get(name), name);
  }
}
