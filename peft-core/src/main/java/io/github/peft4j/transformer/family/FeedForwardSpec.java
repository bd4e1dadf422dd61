package io.github.peft4j.transformer.family;

import io.github.peft4j.transformer.block.Activation;
import io.github.peft4j.withers.Withers;

/**
 * The feed-forward network of a layer.
 *
 * @param network its maps
 * @param inner the size between them
 * @param activation f
 * @param branch the norms around
 * @param bias whether the maps have a bias
 * @param dropout probability before the last map, in training
 */
@Withers
public record FeedForwardSpec(
    Network network,
    int inner,
    Activation activation,
    BranchSpec branch,
    boolean bias,
    double dropout)
    implements FeedForwardSpecWithers {

  /** The maps, by their names relative to the layer. */
  public sealed interface Network {

    /** W_down f(W_up x). */
    record Plain(String up, String down) implements Network {}

    /** W_down (f(W_gate x) ∘ W_up x). */
    record Gated(String gate, String up, String down) implements Network {}

    /** The same, with W_gate and W_up one above the other in one map. */
    record FusedGated(String gateUp, String down) implements Network {}
  }

  /** A network with biases and without dropout. */
  public static FeedForwardSpec of(
      Network network, int inner, Activation activation, BranchSpec branch) {
    return new FeedForwardSpec(network, inner, activation, branch, true, 0);
  }
}
