package io.github.peft4j.transformer.block;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.transformer.rope.RotaryEmbedding;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.site.NarrowLayers;
import java.util.Collection;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Layers and a norm beside those of a stack, in a pass through the stack.
 *
 * @param dimension d
 * @param layers by index in the stack
 * @param finalNorm the norm after the layers, or null
 * @param dropout probability after the final norm, in training
 * @param rotaries the rotary positions of all layers
 */
public record NarrowStack(
    long dimension,
    Map<Integer, TransformerLayer> layers,
    @Nullable Norm finalNorm,
    double dropout,
    Collection<RotaryEmbedding> rotaries)
    implements NarrowLayers {

  @Override
  public void enter(NDArray first, ForwardContext context) {
    Pass pass = Pass.of(context);
    rotaries.forEach(rotary -> pass.rotate(rotary, first));
  }

  @Override
  public NDArray layer(int index, NDArray x, @Nullable NDArray memory, ForwardContext context) {
    return requireNonNull(layers.get(index)).forward(x, Pass.of(context).reading(memory));
  }

  @Override
  public NDArray norm(NDArray x, ForwardContext context) {
    return finalNorm == null ? x : Pass.of(context).drop(finalNorm.forward(x, context), dropout);
  }

  @Override
  public void close() {
    rotaries.forEach(RotaryEmbedding::close);
  }
}
