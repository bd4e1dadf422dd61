package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.pass.KeyValueCache;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.site.ActiveAdapters;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Embedding, layers and final norm: tokens (B, T) → hidden states (B, n + T, D). */
public final class Stack extends NamedBlock implements Body, AutoCloseable {

  private final InputEmbedding embedding;
  private final @Nullable RelativePositions relative;
  private final List<TransformerLayer> layers;
  private final @Nullable Norm finalNorm;
  private final @Nullable RotaryEmbedding rotary;
  private final boolean causal;
  private final double dropout;

  public Stack(
      String name,
      InputEmbedding embedding,
      @Nullable RelativePositions relative,
      List<TransformerLayer> layers,
      @Nullable Norm finalNorm,
      @Nullable RotaryEmbedding rotary,
      boolean causal,
      double dropout) {
    super(name);
    this.embedding = part(embedding);
    this.relative = relative == null ? null : part(relative);
    this.layers = layers;
    layers.forEach(this::part);
    this.finalNorm = finalNorm == null ? null : part(finalNorm);
    this.rotary = rotary;
    this.causal = causal;
    this.dropout = dropout;
  }

  @Override
  public NDArray forward(ModelInput input, Pass pass) {
    Tape tape = pass.tape();
    NDArray first = tape.source(() -> embedding.forward(input, pass, causal));
    NDArray h = first;
    RelativePositions positions = relative;
    if (positions != null) {
      pass.bias(tape.share(tape.source(() -> positions.forward(first, pass.masking(first), pass))));
    }
    if (rotary != null) {
      rotary.prepare(h, pass);
    }
    boolean trains = pass.trains();
    for (TransformerLayer layer : layers) {
      h = tape.segment(h, trains || layer.trains(pass.adapters()), x -> layer.forward(x, pass));
    }
    KeyValueCache cache = pass.cache();
    if (cache != null) {
      cache.advance(h.getShape().get(1));
    }
    Norm norm = finalNorm;
    return norm == null
        ? h
        : tape.segment(
            h, norm.trains(pass.adapters()), x -> pass.drop(norm.forward(x, pass), dropout));
  }

  /** Frees cached tables; the weights belong to the model. */
  @Override
  public void close() {
    if (rotary != null) {
      rotary.close();
    }
  }

  @Override
  public List<Stack> stacks() {
    return List.of(this);
  }

  @Override
  public Opening open(List<long[]> prompts, ModelConfig config) {
    return new Opening(List.of(), prompts);
  }

  /** Whether positions are relative, so that their number has no limit. */
  public boolean isRelative() {
    return relative != null;
  }

  int depth() {
    return layers.size();
  }

  /** The number of vectors that adapters prepend to each sequence. */
  public long virtualTokens(ActiveAdapters active) {
    return embedding.virtualTokens(active);
  }

  /** The number of positions that adapters take from each sequence. */
  public long positionsTaken(ActiveAdapters active) {
    return embedding.positionsTaken(active);
  }

  public Embedding tokens() {
    return embedding.tokens();
  }
}
