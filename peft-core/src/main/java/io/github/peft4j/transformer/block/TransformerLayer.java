package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.transformer.pass.Pass;
import java.util.List;

/** A layer, which applies its residual branches one after the other: (B, T, D) → (B, T, D). */
public final class TransformerLayer extends NamedBlock {

  private final List<Sublayer> sublayers;

  /**
   * Creates a layer.
   *
   * @param parts all blocks of the layer in the checkpoint's order
   * @param sublayers the branches, which use those blocks
   */
  public TransformerLayer(String name, List<NamedBlock> parts, List<Sublayer> sublayers) {
    super(name);
    this.sublayers = sublayers;
    parts.forEach(this::part);
    sublayers.forEach(sublayer -> publish(sublayer.site()));
  }

  NDArray forward(NDArray x, Pass pass) {
    NDArray h = x;
    for (Sublayer sublayer : sublayers) {
      h = sublayer.forward(h, pass);
    }
    return h;
  }
}
