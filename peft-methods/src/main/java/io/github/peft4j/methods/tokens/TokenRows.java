package io.github.peft4j.methods.tokens;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.Arrays;
import java.util.List;

/**
 * y = rows[i] if the id is that of the i-th trainable token, else the frozen vector; rows [n, d].
 */
final class TokenRows extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final Kernel REPLACE =
      Kernel.of(
          """
          def replace(ids: Tensor, y: Tensor, rows: Tensor, places: Tensor) -> Tensor:
              place = torch.embedding(places, ids)                     # (B, T, 1), -1 for no place
              ours = torch.embedding(rows, torch.clamp_min(torch.squeeze(place, -1), 0))
              return torch.where(torch.ge(place, 0), ours.to(y.dtype), y)
          """);

  private final TokenVectors rows;
  private final NDArray places;

  TokenRows(
      String key, ParameterSite table, List<Integer> ids, boolean fromModel, Initializer initial) {
    this.rows = new TokenVectors(key, table, ids, fromModel, initial, declarations());
    long[] place = new long[Math.toIntExact(table.shape().get(0))];
    Arrays.fill(place, -1);
    for (int i = 0; i < ids.size(); i++) {
      place[ids.get(i)] = i;
    }
    // Not a view of a closed array: the engine's arrays may use Java's buffers.
    this.places =
        Scope.release(rows.tokens().getManager().create(place, new Shape(place.length, 1)));
  }

  @Override
  public NDArray forward(NDArray ids, Forward<NDArray, NDArray> base) { // ids (B, T)
    NDArray vectors = rows.trainable().value();
    return REPLACE.call(ids, base.forward(ids), vectors, places); // (B, T, d)
  }

  @Override
  public NDArray merge(NDArray table) {
    return rows.merge(table);
  }

  TokenVectors rows() {
    return rows;
  }

  @Override
  public void close() {
    super.close();
    rows.close();
    places.close();
  }
}
