package io.github.peft4j.methods.tokens;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.advice.AdvisedException;
import io.github.peft4j.advice.Remedy;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.tuner.Declarations;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.HashSet;
import java.util.List;

/** The trainable rows [n, d] of an embedding [V, d], and the token ids that they replace. */
final class TokenVectors implements AutoCloseable {

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

  private final List<Integer> ids;
  private final NDArray tokens;
  private final Trainable rows;

  /**
   * Creates trainable rows.
   *
   * @param key the rows' key in their layer
   * @param ids the token ids, without duplicates
   * @param fromModel true to start from the model's vectors, false to start from a normal
   *     distribution
   * @param layer declares the rows
   */
  TokenVectors(
      String key,
      ParameterSite table,
      List<Integer> ids,
      boolean fromModel,
      Initializer initial,
      Declarations layer) {
    long entries = table.shape().get(0);
    boolean once = new HashSet<>(ids).size() == ids.size();
    if (!once || ids.stream().anyMatch(id -> id < 0 || id >= entries)) {
      throw new AdvisedException(
          "the indices of trainable tokens are "
              + ids
              + "; expected ids below "
              + entries
              + ", the number of rows of "
              + table.name()
              + ", each once",
          Remedy.RESIZE_TOKENS.with("New tokens get ids and rows by model.addTokens(…)"));
    }
    this.ids = ids;
    NDArray frozen = table.frozen();
    this.tokens =
        Scope.release(
            frozen.getManager().create(ids.stream().mapToLong(Integer::longValue).toArray()));
    this.rows =
        layer.trainable(
            key,
            fromModel
                ? copy(frozen, tokens, initial)
                : initial.normal(1, ids.size(), table.shape().get(1)));
  }

  private static NDArray copy(NDArray table, NDArray tokens, Initializer initial) {
    try (NDArray rows = Autograd.without(() -> SELECT.call(table, tokens))) {
      return initial.copy(rows);
    }
  }

  /** The token ids that the rows replace. */
  List<Integer> ids() {
    return ids;
  }

  /** The token ids as a tensor [n]. */
  NDArray tokens() {
    return tokens;
  }

  /** The rows [n, d]. */
  Trainable trainable() {
    return rows;
  }

  /** The embedding with these rows in it. */
  NDArray merge(NDArray table) {
    return MERGE.call(table, tokens, rows.value());
  }

  @Override
  public void close() {
    tokens.close();
  }
}
