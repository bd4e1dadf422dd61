package io.github.peft4j.methods.spiel;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The entries of one weight that may be grown: as many as are trained, those with the largest
 * gradients in the first batch. They accumulate their gradients, and the squares, over some steps.
 *
 * <p>What a checkpoint holds are floats, which count to 2²⁴ alone. So it has rows and columns, for
 * the candidates as for the trained entries.
 */
final class Candidates implements AutoCloseable {

  private static final String PLACES =
      """
      def flat(places: Tensor, columns: int) -> Tensor:                # (2, k) → (k)
          at = torch.to(places, 4)
          return torch.add(torch.mul(torch.select(at, 0, 0), columns), torch.select(at, 0, 1))

      def split(places: Tensor, at: Tensor, columns: int) -> Tensor:   # (k) into (2, k)
          rows = torch.div(at, columns, rounding_mode="floor")
          return torch.copy_(places, torch.stack([rows, torch.remainder(at, columns)]))

      """;
  private static final Kernel PICK =
      Kernel.of(
          PLACES
              + """
              def pick(g: Tensor, places: Tensor) -> Tensor:
                  values, at = torch.topk(torch.abs(torch.reshape(g, [-1])), torch.size(places, 1), 0, True, False)
                  return split(places, at, torch.size(g, 1))
              """);
  private static final Kernel ADD =
      Kernel.of(
          PLACES
              + """
              def add(g: Tensor, places: Tensor, step: Tensor) -> Tensor:
                  at = flat(places, torch.size(g, 1))
                  return torch.add_(step, torch.index_select(torch.reshape(g, [-1]), 0, at).to(step.dtype))
              """);
  private static final Kernel FOLD =
      Kernel.of(
          """
          def fold(step: Tensor, sums: Tensor, squares: Tensor) -> Tensor:
              torch.add_(sums, step)
              return torch.addcmul_(squares, step, step)
          """);
  private static final Kernel FILL =
      Kernel.of(
          """
          def fill(x: Tensor) -> Tensor:
              return torch.fill_(x, {value})
          """);
  private static final Kernel ZERO = FILL.with("value", 0);

  /** No candidates. */
  private static final Kernel NONE = FILL.with("value", -1);

  private static final Kernel KEEP =
      Kernel.of(
          PLACES
              + """
              def keep(places: Tensor, indices: Tensor, columns: Tensor) -> Tensor:
                  return split(places, torch.to(indices, 4), int(columns))
              """);
  private static final Kernel RESTORE =
      Kernel.of(
          PLACES
              + """
              def restore(places: Tensor, indices: Tensor, columns: Tensor) -> Tensor:
                  return torch.copy_(indices, flat(places, int(columns)))
              """);

  /**
   * What is kept between steps.
   *
   * @param trained rows and columns of the trained entries (2, k)
   * @param candidates rows and columns of the candidates (2, k); -1 for none
   * @param sums of their gradients (k)
   * @param squares sums of the squares (k)
   * @param step the gradients of the current step (k)
   */
  record Kept(NDArray trained, NDArray candidates, NDArray sums, NDArray squares, NDArray step) {}

  private final ExchangedEntries layer;
  private @Nullable Kept kept;
  private boolean open;
  private boolean picked;

  Candidates(ExchangedEntries layer) {
    this.layer = layer;
  }

  /** The arrays, which are the same until {@link #close}. */
  Kept kept() {
    Kept present = kept;
    if (present == null) {
      long k = layer.values().size();
      present = new Kept(zeros(2, k), zeros(2, k), zeros(k), zeros(k), zeros(k));
      kept = present;
      NONE.call(present.candidates()).close();
      keepTrained();
    }
    return present;
  }

  private NDArray zeros(long... shape) {
    NDArray values = layer.values().value();
    return Scope.release(values.getManager().zeros(new Shape(shape), values.getDataType()));
  }

  /** The arrays by name, for checkpoints. */
  Map<String, NDArray> state() {
    Map<String, NDArray> state = new LinkedHashMap<>();
    state.put("trained", kept().trained());
    state.put("candidates", kept().candidates());
    state.put("sums", kept().sums());
    state.put("squares", kept().squares());
    return state;
  }

  /** Takes the trained entries and the candidates as the arrays have them. */
  void resumed(boolean hasCandidates) {
    try (Scope scope = new Scope()) {
      RESTORE.call(kept().trained(), layer.trained(), columns());
    }
    picked = hasCandidates && Tensors.floats(kept().candidates())[0] >= 0;
    ZERO.call(kept().step()).close();
  }

  /** Whether gradients have been seen. */
  boolean arePicked() {
    return picked;
  }

  /** Notes which entries are trained now. */
  void keepTrained() {
    Kept present = kept;
    if (present != null) {
      try (Scope scope = new Scope()) {
        KEEP.call(present.trained(), layer.trained(), columns());
      }
    }
  }

  private NDArray columns() {
    return Tensors.scalar(layer.columns());
  }

  /** Whether the next batches' gradients are accumulated. */
  boolean areOpen() {
    return open;
  }

  void open(boolean now) {
    open = now;
  }

  /** Sees the gradient (rows, columns) of a batch, which is a part of a step. */
  void see(NDArray gradient) {
    if (!picked) {
      PICK.call(gradient, kept().candidates()).close();
      picked = true;
    }
    ADD.call(gradient, kept().candidates(), kept().step()).close();
  }

  /** Adds the step's gradients to the sums. */
  void fold() {
    FOLD.call(kept().step(), kept().sums(), kept().squares()).close();
  }

  /**
   * Forgets the gradients of a step.
   *
   * @param counted whether they, or those of an earlier step, are in the sums
   */
  void endStep(boolean counted) {
    ZERO.call(kept().step()).close();
    picked &= counted;
  }

  /** Forgets all gradients. */
  void clear() {
    ZERO.call(kept().sums()).close();
    ZERO.call(kept().squares()).close();
    NONE.call(kept().candidates()).close();
    picked = false;
  }

  @Override
  public void close() {
    Kept last = kept;
    if (last != null) {
      last.trained().close();
      last.candidates().close();
      last.sums().close();
      last.squares().close();
      last.step().close();
      kept = null;
    }
    open = false;
    picked = false;
  }
}
