package io.github.peft4j.methods.lora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.lora.factors.TableFactors;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.LowRank;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;

/** y = E[ids] + s (Aᵀ)[ids] Bᵀ, with A [r, V] and B [d, r]. */
final class LoraEmbedding extends TunerLayer<NDArray, NDArray> implements LowRank, TableFactors {

  private static final Kernel LORA =
      Kernel.of(
          """
          def lora(ids: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:  # ids (B, T)
              low = torch.embedding(torch.t(a), ids)
              return torch.add(y, torch.linear(low, b).to(y.dtype), alpha={scale})
          """);
  private static final Kernel MERGE =
      Kernel.of(
          """
          def merge(w: Tensor, a: Tensor, b: Tensor) -> Tensor:              # w (V, d)
              return torch.addmm(w, torch.t(a.to(w.dtype)), torch.t(b.to(w.dtype)), alpha={scale})
          """);

  private final Trainable a;
  private final Trainable b;
  private final double scale;
  private final Kernel lora;
  private final Kernel merge;

  /**
   * Creates the adapter of one embedding.
   *
   * @param a initial value of A [r, V]
   * @param b initial value of B [d, r]
   */
  LoraEmbedding(NDArray a, NDArray b, double scale) {
    this.a = trainable("lora_embedding_A", a);
    this.b = trainable("lora_embedding_B", b);
    this.scale = scale;
    this.lora = LORA.with("scale", scale);
    this.merge = MERGE.with("scale", scale);
  }

  @Override
  public boolean isRepeatable() {
    return true;
  }

  @Override
  public NDArray forward(NDArray ids, Forward<NDArray, NDArray> base) {
    return lora.call(ids, base.forward(ids), a.value(), b.value());
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.call(weight, a.value(), b.value());
  }

  @Override
  public NDArray a() {
    return a.value();
  }

  @Override
  public NDArray b() {
    return b.value();
  }

  @Override
  public double scale() {
    return scale;
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
