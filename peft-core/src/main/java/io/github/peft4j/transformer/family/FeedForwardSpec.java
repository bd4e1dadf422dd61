package io.github.peft4j.transformer.family;

import io.github.peft4j.transformer.activation.Activation;
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

    /**
     * Experts, each of which is a gated network, and a router that chooses some for each token.
     *
     * @param module the name of both together
     * @param router name of the router
     * @param experts name of all experts together, whose tensors are {@code gate_up_proj} and
     *     {@code down_proj}
     * @param stored the names in checkpoints
     * @param count E, the number of experts
     * @param perToken k, the number of experts that a token is sent to
     * @param normalised whether the probabilities of the k experts are divided by their sum
     */
    record Mixture(
        String module,
        String router,
        String experts,
        StoredExperts stored,
        int count,
        int perToken,
        boolean normalised)
        implements Network {}

    /**
     * The names of a mixture's weights in checkpoints, relative to the layer.
     *
     * @param router the router's weight
     * @param gate W_gate of expert {@code %d}
     * @param up W_up of expert {@code %d}
     * @param down W_down of expert {@code %d}
     */
    record StoredExperts(String router, String gate, String up, String down) {}
  }

  /** A network with biases and without dropout. */
  public static FeedForwardSpec of(
      Network network, int inner, Activation activation, BranchSpec branch) {
    return new FeedForwardSpec(network, inner, activation, branch, true, 0);
  }
}
