package io.github.peft4j.methods.tokens;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.List;

/**
 * The logits of an output layer without a bias. Those of trainable tokens come from their own rows,
 * which are the embedding's if the output layer shares its weight.
 */
final class TokenLogits extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final Kernel REPLACE =
      Kernel.of(
          """
          def replace(x: Tensor, y: Tensor, tokens: Tensor, rows: Tensor) -> Tensor:
              return torch.index_copy(y, -1, tokens, torch.linear(x, rows.to(x.dtype)))
          """);

  private final TokenVectors rows;
  private final boolean shared;

  /** Creates the layer with the embedding's rows. */
  TokenLogits(TokenVectors shared) {
    this.rows = shared;
    this.shared = true;
  }

  /** Creates the layer with rows of its own. */
  TokenLogits(
      String key, ParameterSite table, List<Integer> ids, boolean fromModel, Initializer initial) {
    this.rows = new TokenVectors(key, table, ids, fromModel, initial, declarations());
    this.shared = false;
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, d)
    NDArray weights = rows.trainable().value();
    return REPLACE.call(x, base.forward(x), rows.tokens(), weights); // (…, V)
  }

  @Override
  public NDArray merge(NDArray table) {
    return rows.merge(table);
  }

  @Override
  public void close() {
    super.close();
    if (!shared) {
      rows.close();
    }
  }
}
