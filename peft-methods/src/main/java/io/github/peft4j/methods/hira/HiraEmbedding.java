package io.github.peft4j.methods.hira;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.EmbeddingSite;
import io.github.peft4j.tuner.site.ParameterSite;

/**
 * y = E[ids] + (E ∘ (B A)ᵀ)[ids], with A [r, V] and B [d, r]. As in PEFT, there is no dropout. The
 * change always uses the frozen E, also if other adapters are merged into it.
 */
final class HiraEmbedding extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final Kernel HIRA =
      Kernel.of(
          """
          def hira(ids: Tensor, y: Tensor, e: Tensor, a: Tensor, b: Tensor) -> Tensor:  # ids (B, T)
              factors = torch.linear(torch.embedding(torch.t(a), ids), b)               # (B, T, d)
              change = torch.mul(torch.embedding(e, ids).to(b.dtype), factors)
              return torch.add(y, change.to(y.dtype))
          """);
  private static final Kernel MERGE =
      Kernel.of(
          """
          def merge(w: Tensor, e: Tensor, a: Tensor, b: Tensor) -> Tensor:              # w (V, d)
              factors = torch.mm(torch.t(a), torch.t(b))
              return torch.addcmul(w, e.to(w.dtype), factors.to(w.dtype))
          """);

  private final ParameterSite table;
  private final Trainable a;
  private final Trainable b;

  /**
   * Creates the adapter of one embedding.
   *
   * @param a initial value of A [r, V]
   * @param b initial value of B [d, r]
   */
  HiraEmbedding(EmbeddingSite site, NDArray a, NDArray b) {
    this.table = site.weight();
    this.a = trainable("hira_embedding_A", a);
    this.b = trainable("hira_embedding_B", b);
  }

  @Override
  public NDArray forward(NDArray ids, Forward<NDArray, NDArray> base) { // ids (B, T)
    return HIRA.call(ids, base.forward(ids), table.frozen(), a.value(), b.value()); // (B, T, d)
  }

  @Override
  public NDArray merge(NDArray weight) {
    return MERGE.call(weight, table.frozen(), a.value(), b.value());
  }
}
