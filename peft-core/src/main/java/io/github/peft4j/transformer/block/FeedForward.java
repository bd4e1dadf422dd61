package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.transformer.pass.Pass;
import org.jspecify.annotations.Nullable;

/**
 * The feed-forward network of a layer, (B, T, D) → (B, T, D): W₂ f(W₁ x), or gated (Shazeer 2020,
 * arXiv:2002.05202): W₂ (f(W_gate x) ∘ W_up x).
 */
public final class FeedForward {

  private static final Kernel HALVES =
      Kernel.of(
          """
          def halves(x: Tensor) -> List[Tensor]:                 # (…, 2 I) → two of (…, I)
              return torch.chunk(x, 2, -1)
          """);

  private final @Nullable Linear gate;
  private final Linear up;
  private final Linear down;
  private final Activation activation;
  private final boolean fusedGate;
  private final double dropout;

  /**
   * Creates the network.
   *
   * @param gate W_gate, or null
   * @param up W₁ or W_up; with {@code fusedGate} W_gate and W_up, fused
   * @param dropout probability of dropout before W₂
   */
  public FeedForward(
      @Nullable Linear gate,
      Linear up,
      Linear down,
      Activation activation,
      boolean fusedGate,
      double dropout) {
    this.gate = gate;
    this.up = up;
    this.down = down;
    this.activation = activation;
    this.fusedGate = fusedGate;
    this.dropout = dropout;
  }

  public NDArray forward(NDArray x, Pass pass) {
    return down.forward(pass.drop(hidden(x, pass), dropout), pass);
  }

  private NDArray hidden(NDArray x, Pass pass) {
    if (fusedGate) {
      var halves = HALVES.callForAll(up.forward(x, pass));
      return activation.gate(halves.get(0), halves.get(1));
    }
    return gate == null
        ? activation.apply(up.forward(x, pass))
        : activation.gate(gate.forward(x, pass), up.forward(x, pass));
  }
}
