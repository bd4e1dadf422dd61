package io.github.peft4j.methods.lora.dora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.lora.factors.TableFactors;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.EmbeddingSite;

/**
 * DoRA of an embedding E [V, d], whose columns are scaled like those of a weight (d, V): y = g ∘
 * (E[ids] + s (Aᵀ)[ids] Bᵀ), with g (d).
 */
public final class DoraEmbedding extends TunerLayer<NDArray, NDArray>
    implements Mergeable, TableFactors {

  private static final Kernel DORA =
      Kernel.of(
          """
          def dora(ids: Tensor, y: Tensor, n: Tensor, a: Tensor, b: Tensor, m: Tensor) -> Tensor:
              low = torch.embedding(torch.t(a), ids)                           # (B, T, r)
              sum = torch.add(y, torch.linear(low, b).to(y.dtype), alpha={scale})
              return torch.mul(sum, torch.div(m, n).to(y.dtype))
          """);
  private static final Kernel MERGE =
      Kernel.of(
          """
          def merge(present: Tensor, n: Tensor, a: Tensor, b: Tensor, m: Tensor) -> Tensor:
              sum = torch.addmm(present, torch.t(a), torch.t(b), alpha={scale})
              return torch.mul(sum, torch.div(m, n))                           # (V, d)
          """);

  private final Trainable a;
  private final Trainable b;
  private final Trainable m;
  private final WeightNorm norm;
  private final Kernel dora;
  private final Kernel merge;

  /**
   * Creates the adapter of one embedding.
   *
   * @param a initial value of A [r, V]
   * @param b initial value of B [d, r]
   * @param norms the norms of the adapter
   */
  public DoraEmbedding(EmbeddingSite site, NDArray a, NDArray b, double scale, WeightNorms norms) {
    this.a = trainable("lora_embedding_A", a);
    this.b = trainable("lora_embedding_B", b);
    this.norm = norms.ofTable(site, scale, this.a, this.b);
    this.m = trainable("lora_magnitude_vector", norm.value().duplicate());
    this.dora = DORA.with("scale", scale);
    this.merge = MERGE.with("scale", scale);
  }

  @Override
  public NDArray forward(NDArray ids, Forward<NDArray, NDArray> base) { // ids (B, T)
    return dora.call(ids, base.forward(ids), norm.value(), a.value(), b.value(), m.value());
  }

  @Override
  public NDArray merge(NDArray present) {
    return merge.call(present, norm.value(), a.value(), b.value(), m.value());
  }

  @Override
  public void onTraining(boolean training) {
    norm.forget();
  }

  @Override
  public void close() {
    super.close();
    norm.close();
  }

  @Override
  public Trainable trainedA() {
    return a;
  }

  @Override
  public Trainable trainedB() {
    return b;
  }
}
