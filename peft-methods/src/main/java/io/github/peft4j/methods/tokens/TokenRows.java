package io.github.peft4j.methods.tokens;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.tuner.EmbeddingSite;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import java.util.Arrays;
import java.util.List;

/** y = rows[i] where the id is the i-th trained token, else the frozen vector; rows [n, d]. */
final class TokenRows extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final Kernel REPLACE =
      Kernel.of(
          """
          def replace(ids: Tensor, y: Tensor, rows: Tensor, places: Tensor) -> Tensor:
              place = torch.embedding(places, ids)                     # (B, T, 1), -1 for no place
              ours = torch.embedding(rows, torch.clamp_min(torch.squeeze(place, -1), 0))
              return torch.where(torch.ge(place, 0), ours.to(y.dtype), y)
          """);
  private static final Kernel SELECT =
      Kernel.of(
          """
          def select(table: Tensor, tokens: Tensor) -> Tensor:
              return torch.index_select(table, 0, tokens)
          """);
  private static final Kernel MERGE =
      Kernel.of(
          """
          def merge(table: Tensor, tokens: Tensor, rows: Tensor) -> Tensor:
              return torch.index_copy(table, 0, tokens, rows.to(table.dtype))
          """);

  static final String KEY = "trainable_tokens_delta";

  private final Trainable rows;
  private final NDArray tokens;
  private final NDArray places;

  TokenRows(EmbeddingSite site, List<Integer> ids, boolean fromModel, Initial initial) {
    long[] place = new long[Math.toIntExact(site.entries())];
    Arrays.fill(place, -1);
    for (int id : ids) {
      if (id < 0 || id >= place.length || place[id] >= 0) {
        throw new IllegalArgumentException(
            "the indices of trainable tokens are "
                + ids
                + "; expected ids below "
                + place.length
                + ", the number of vectors of "
                + site.name()
                + ", each once");
      }
      place[id] = ids.indexOf(id);
    }
    NDArray table = site.weight().frozen();
    this.tokens =
        Scope.release(
            table.getManager().create(ids.stream().mapToLong(Integer::longValue).toArray()));
    // Not a view of an array that is closed: the engine's arrays lie in Java's buffers.
    this.places = Scope.release(table.getManager().create(place, new Shape(place.length, 1)));
    this.rows =
        trainable(
            KEY,
            fromModel
                ? initial.copy(Autograd.without(() -> SELECT.call(table, tokens)))
                : initial.normal(1, ids.size(), site.dimension()));
  }

  @Override
  public NDArray forward(NDArray ids, Forward<NDArray, NDArray> base) { // ids (B, T)
    return REPLACE.call(ids, base.forward(ids), rows.value(), places); // (B, T, d)
  }

  @Override
  public NDArray merge(NDArray table) {
    return MERGE.call(table, tokens, rows.value());
  }

  Trainable trainable() {
    return rows;
  }

  NDArray rows() {
    return rows.value();
  }

  NDArray tokens() {
    return tokens;
  }

  @Override
  public void close() {
    super.close();
    tokens.close();
    places.close();
  }
}
