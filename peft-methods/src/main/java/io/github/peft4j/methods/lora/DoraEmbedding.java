package io.github.peft4j.methods.lora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Remembered;
import io.github.peft4j.tuner.EmbeddingSite;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Sites;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;

/**
 * DoRA of a table E [V, d], whose columns are scaled as if it were a weight (d, V): y = g ∘ (E[ids]
 * + s (Aᵀ)[ids] Bᵀ), with g (d).
 */
final class DoraEmbedding extends TunerLayer<NDArray, NDArray> implements Mergeable, TableFactors {

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
  private final Magnitude magnitude;
  private final Remembered length;
  private final Kernel dora;
  private final Kernel merge;

  DoraEmbedding(EmbeddingSite site, LoraConfig config, Sites sites) {
    double scale = config.scaleOf(site.name());
    this.a = trainable("lora_embedding_A", LoraEmbedding.firstA(site, config, sites.initial()));
    this.b = trainable("lora_embedding_B", LoraEmbedding.firstB(site, config, sites.initial()));
    this.magnitude = new Magnitude(site.weight(), true, scale, sites.initial());
    this.length =
        new Remembered(() -> magnitude.length(a.value(), b.value()), a.value(), b.value());
    this.m = trainable("lora_magnitude_vector", length.value().duplicate());
    this.dora = DORA.with("scale", scale);
    this.merge = MERGE.with("scale", scale);
  }

  @Override
  public NDArray forward(NDArray ids, Forward<NDArray, NDArray> base) { // ids (B, T)
    return dora.call(ids, base.forward(ids), length.value(), a.value(), b.value(), m.value());
  }

  @Override
  public NDArray merge(NDArray present) {
    return merge.call(present, length.value(), a.value(), b.value(), m.value());
  }

  @Override
  public void onTraining(boolean training) {
    length.forget();
  }

  @Override
  public void close() {
    super.close();
    length.close();
    magnitude.close();
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
