package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.transformer.activation.Activation;
import io.github.peft4j.transformer.pass.Pass;
import java.util.List;
import java.util.function.BiFunction;
import java.util.stream.Stream;

/**
 * The feed-forward network of a layer, (B, T, D) → (B, T, D): W₂ f(W₁ x), or gated (Shazeer 2020,
 * arXiv:2002.05202): W₂ (f(W_gate x) ∘ W_up x).
 */
public final class FeedForward {

  static final Kernel HALVES =
      Kernel.of(
          """
          def halves(x: Tensor) -> List[Tensor]:                 # (…, 2 I) → two of (…, I)
              return torch.chunk(x, 2, -1)
          """);

  private final List<Linear> first;
  private final BiFunction<NDArray, Pass, NDArray> inner;
  private final Linear down;
  private final double dropout;

  /**
   * Creates a network.
   *
   * @param first the maps before the last one
   * @param inner (B, T, D) → (B, T, I)
   * @param dropout probability of dropout before the last map
   */
  private FeedForward(
      List<Linear> first, BiFunction<NDArray, Pass, NDArray> inner, Linear down, double dropout) {
    this.first = first;
    this.inner = inner;
    this.down = down;
    this.dropout = dropout;
  }

  /** W_down f(W_up x). */
  public static FeedForward plain(Linear up, Linear down, Activation f, double dropout) {
    return new FeedForward(List.of(up), (x, pass) -> f.apply(up.forward(x, pass)), down, dropout);
  }

  /** W_down (f(W_gate x) ∘ W_up x). */
  public static FeedForward gated(
      Linear gate, Linear up, Linear down, Activation f, double dropout) {
    return new FeedForward(
        List.of(gate, up),
        (x, pass) -> f.gate(gate.forward(x, pass), up.forward(x, pass)),
        down,
        dropout);
  }

  /** The same, with W_gate and W_up one above the other in one map. */
  public static FeedForward fusedGated(Linear gateUp, Linear down, Activation f, double dropout) {
    return new FeedForward(
        List.of(gateUp),
        (x, pass) -> {
          List<NDArray> halves = HALVES.callForAll(gateUp.forward(x, pass));
          return f.gate(halves.get(0), halves.get(1));
        },
        down,
        dropout);
  }

  /** The maps, in the checkpoint's order. */
  public List<Linear> parts() {
    return Stream.concat(first.stream(), Stream.of(down)).toList();
  }

  public NDArray forward(NDArray x, Pass pass) {
    return down.forward(pass.drop(inner.apply(x, pass), dropout), pass);
  }
}
