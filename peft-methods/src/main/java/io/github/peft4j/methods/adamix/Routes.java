package io.github.peft4j.methods.adamix;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.RandomState;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import java.util.stream.Stream;

/**
 * The choice among M maps. In a training pass, each copy of the batch takes one at random, which is
 * drawn from the CPU's generator in the running segment: the routes of a seed are the same on every
 * device. Otherwise all take the mean.
 */
public final class Routes {

  /**
   * TorchScript that draws one of M for each of c copies. It goes before a kernel that draws;
   * {@link RandomState#alsoOnHost} is called before such a kernel.
   */
  public static final String ROUTE =
      """
      def route(m: Tensor, copies: int) -> Tensor:                         # m (M, …) → (c)
          drawn = torch.randint(0, torch.size(m, 0), [copies], dtype=4, layout=None, device=torch.device("cpu"), pin_memory=False)
          return drawn.to(m.device)

      """;

  private static final Kernel DRAW =
      Kernel.of(
          ROUTE
              + """
              def draw(w: Tensor, b: Tensor, copies: Tensor) -> List[Tensor]:  # (M, …) → (c, …), twice
                  drawn = route(w, int(copies))
                  return [torch.index_select(w, 0, drawn), torch.index_select(b, 0, drawn)]
              """);
  private static final Kernel MEAN =
      Kernel.of(
          """
          def mean(w: Tensor) -> Tensor:                                   # (M, …) → (…)
              return torch.mean(w, [0])
          """);
  private static final Kernel STACK =
      Kernel.of(
          """
          def stack(maps: List[Tensor]) -> List[Tensor]:
              return [torch.stack(maps)]
          """);

  private Routes() {}

  /**
   * The same one of M for two tensors, drawn for each copy of the batch.
   *
   * @param w (M, …)
   * @param b (M, …)
   * @return (c, …) and (c, …)
   */
  public static NDList draw(NDArray w, NDArray b, int copies) {
    RandomState.alsoOnHost();
    return DRAW.callForAll(w, b, Tensors.scalar(copies));
  }

  /** The mean of all M: (…). */
  public static NDArray mean(NDArray w) {
    return MEAN.call(w);
  }

  /** Joins initial values, which are freed: (M, …). */
  public static NDArray stack(Stream<NDArray> maps) {
    NDList all = new NDList(maps.toArray(NDArray[]::new));
    try (all;
        Scope scope = new Scope()) {
      return Scope.release(STACK.callWithLists(all).singletonOrThrow());
    }
  }
}
