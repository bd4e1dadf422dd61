package io.github.peft4j.transformer.family;

import io.github.peft4j.transformer.block.TransformerLayer.Residual;
import io.github.peft4j.withers.Withers;
import org.jspecify.annotations.Nullable;

/**
 * One layer of a stack.
 *
 * @param name of the layer's module, relative to the stack; layers of one name are one layer that
 *     is applied several times
 * @param crossAttention attention to an encoder's output, or null
 * @param residual how the branches follow each other
 * @param scale factor of a branch's output before it is added
 * @param attentionOutputDropout probability of dropout of the attentions' outputs, in training
 * @param feedForwardOutputDropout probability of dropout of the network's output, in training
 */
@Withers
public record LayerSpec(
    String name,
    AttentionSpec attention,
    @Nullable AttentionSpec crossAttention,
    FeedForwardSpec feedForward,
    Residual residual,
    double scale,
    double attentionOutputDropout,
    double feedForwardOutputDropout)
    implements LayerSpecWithers {

  /** A layer with attention and a feed-forward network, one after the other. */
  public static LayerSpec of(String name, AttentionSpec attention, FeedForwardSpec feedForward) {
    return new LayerSpec(name, attention, null, feedForward, Residual.SEQUENTIAL, 1, 0, 0);
  }

  /** A copy with one probability of dropout for the outputs of all branches. */
  public LayerSpec dropout(double outputs) {
    return attentionOutputDropout(outputs).feedForwardOutputDropout(outputs);
  }
}
