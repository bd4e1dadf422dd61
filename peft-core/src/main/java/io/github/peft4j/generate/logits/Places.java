package io.github.peft4j.generate.logits;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import java.util.List;
import java.util.stream.IntStream;

/** Some elements of logits (B, V), at most once each: tokens of rows. */
final class Places {

  private static final Kernel FILL =
      Kernel.of(
          """
          def fill(logits: Tensor, places: Tensor, value: Tensor) -> Tensor:
              flat = torch.index_fill(torch.reshape(logits, [-1]), 0, places, value)
              return torch.reshape(flat, [torch.size(logits, 0), -1])
          """);
  private static final Kernel FILL_ROWS =
      Kernel.of(
          """
          def fill_rows(logits: Tensor, rows: Tensor, value: Tensor) -> Tensor:
              return torch.index_fill(logits, 0, rows, value)
          """);
  private static final Kernel PENALIZE =
      Kernel.of(
          """
          def penalize(logits: Tensor, places: Tensor, penalty: Tensor) -> Tensor:
              flat = torch.reshape(logits, [-1])
              x = torch.index_select(flat, 0, places)
              x = torch.where(torch.lt(x, 0), torch.mul(x, penalty), torch.div(x, penalty))
              return torch.reshape(torch.index_copy(flat, 0, places, x), [torch.size(logits, 0), -1])
          """);

  private final NDArray logits;
  private final long[] places;

  private Places(NDArray logits, long[] places) {
    this.logits = logits;
    this.places = places;
  }

  /**
   * Tokens of rows.
   *
   * @param tokens the ids of each row's tokens; those that the vocabulary lacks are left out
   */
  static Places of(List<Draft> drafts, NDArray logits, Ban tokens) {
    long vocabulary = logits.getShape().get(1);
    return new Places(
        logits,
        IntStream.range(0, drafts.size())
            .mapToObj(
                row ->
                    tokens
                        .of(drafts.get(row))
                        .filter(id -> 0 <= id && id < vocabulary)
                        .distinct()
                        .map(id -> row * vocabulary + id))
            .flatMapToLong(ids -> ids)
            .toArray());
  }

  boolean isEmpty() {
    return places.length == 0;
  }

  /** The logits with this value at the places. */
  NDArray fill(double value) {
    return isEmpty() ? logits : FILL.call(logits, array(places), scalar(value));
  }

  /** The logits with minus infinity in these rows, but 0 at the places. */
  NDArray force(long... rows) {
    NDArray banned = FILL_ROWS.call(logits, array(rows), scalar(Double.NEGATIVE_INFINITY));
    return new Places(banned, places).fill(0);
  }

  /** The logits at the places divided by the penalty, or multiplied by it if below 0. */
  NDArray penalize(double penalty) {
    return isEmpty() ? logits : PENALIZE.call(logits, array(places), scalar(penalty));
  }

  private NDArray array(long... values) {
    return logits.getManager().create(values);
  }

  private NDArray scalar(double value) {
    return logits.getManager().create((float) value);
  }
}
