package io.github.peft4j.transformer;

import ai.djl.ndarray.NDArray;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Embedding, layers and final norm: tokens (B, T) → hidden states (B, n + T, D). */
final class Stack extends NamedBlock implements AutoCloseable {

  private final InputEmbedding embedding;
  private final List<TransformerLayer> layers;
  private final @Nullable Norm finalNorm;
  private final @Nullable RotaryEmbedding rotary;
  private final boolean causal;

  Stack(
      String name,
      InputEmbedding embedding,
      List<TransformerLayer> layers,
      @Nullable Norm finalNorm,
      @Nullable RotaryEmbedding rotary,
      boolean causal) {
    super(name);
    this.embedding = part(embedding);
    this.layers = layers;
    layers.forEach(this::part);
    this.finalNorm = finalNorm == null ? null : part(finalNorm);
    this.rotary = rotary;
    this.causal = causal;
  }

  NDArray forward(ModelInput input, Pass pass) {
    NDArray h = pass.tape().source(() -> embedding.forward(input, pass, causal));
    if (rotary != null) {
      rotary.prepare(h, pass);
    }
    for (TransformerLayer layer : layers) {
      h = pass.tape().segment(h, layer.trains(), x -> layer.forward(x, pass));
    }
    KeyValueCache cache = pass.cache();
    if (cache != null) {
      cache.advance(h.getShape().get(1));
    }
    Norm norm = finalNorm;
    return norm == null ? h : pass.tape().segment(h, norm.trains(), norm::forward);
  }

  /** Frees what was computed besides the weights. */
  @Override
  public void close() {
    if (rotary != null) {
      rotary.close();
    }
  }

  int depth() {
    return layers.size();
  }

  Embedding tokens() {
    return embedding.tokens();
  }
}
