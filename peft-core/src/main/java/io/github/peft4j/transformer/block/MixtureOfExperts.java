package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.site.ParameterSite;

/**
 * A mixture of experts (Shazeer et al. 2017, arXiv:1701.06538; Jiang et al. 2024,
 * arXiv:2401.04088), (B, T, D) → (B, T, D): y = Σ p_e W_down,e (f(W_gate,e x) ∘ W_up,e x) over the k
 * experts e of highest p = softmax(W_r x).
 *
 * <p>Tokens are sorted by expert, so that an expert computes its own tokens only. Their numbers are
 * read by the host once: on a GPU, a layer waits once for what was enqueued before it.
 */
public final class MixtureOfExperts extends NamedBlock {

  private static final Kernel ROUTE =
      Kernel.of(
          """
          def route(x: Tensor, w: Tensor) -> List[Tensor]:             # x (N, D), w (E, D)
              logits = torch.linear(x, w.to(x.dtype))
              if logits.dtype != 7:
                  logits = logits.to(6)
              top, expert = torch.topk(torch.softmax(logits, -1), {k}) # (N, k)
              if {normalised}:
                  top = torch.div(top, torch.sum(top, [-1], True))
              return [top.to(x.dtype), expert]
          """);

  private static final String EXPERTS =
      """
      def experts(x: Tensor, p: Tensor, expert: Tensor, gate_up: Tensor, down: Tensor) -> Tensor:
          # x (N, D), p and expert (N, k), gate_up (E, 2 I, D), down (E, D, I)
          n = torch.size(expert, 0)
          k = torch.size(expert, 1)
          experts = torch.size(down, 0)
          chosen = torch.reshape(expert, [-1])
          order = torch.argsort(chosen, stable=True, dim=0, descending=False)
          token = torch.floor_divide(order, k)
          count = torch.bincount(chosen, None, experts).to(torch.device("cpu"))
          counts = annotate(List[int], [])
          for e in range(experts):
              torch.append(counts, int(count[e]))
          xs = torch.split_with_sizes(torch.index_select(x, 0, token), counts, 0)
          gate_ups = torch.unbind(gate_up.to(x.dtype), 0)
          downs = torch.unbind(down.to(x.dtype), 0)
          ys = annotate(List[Tensor], [])
          for e in range(experts):
              if counts[e] > 0:
                  gate, up = torch.chunk(torch.linear(xs[e], gate_ups[e]), 2, -1)
                  torch.append(ys, torch.linear(gated(gate, up), downs[e]))
          y = torch.index_select(torch.cat(ys, 0), 0, torch.argsort(order))
          return torch.squeeze(torch.matmul(torch.unsqueeze(p, 1), torch.reshape(y, [n, k, -1])), 1)
      """;

  private final Router router;
  private final Experts experts;

  /** Creates the block of the two. */
  public MixtureOfExperts(String name, Router router, Experts experts) {
    super(name);
    this.router = part(router);
    this.experts = part(experts);
  }

  public NDArray forward(NDArray x, Pass pass) {
    NDArray tokens = x.reshape(-1, x.getShape().get(2)); // (N, D) with N = B T
    NDList chosen = router.forward(tokens, pass);
    return experts.forward(tokens, chosen.get(0), chosen.get(1), pass).reshape(x.getShape());
  }

  /** Chooses k experts for each token. */
  public static final class Router extends NamedBlock {

    private final ParameterSite weight;
    private final Kernel kernel;

    /**
     * Creates a router.
     *
     * @param weight W_r [E, D]
     * @param perToken k
     * @param normalised whether the k probabilities are divided by their sum
     */
    public Router(String name, ParameterSite weight, int perToken, boolean normalised) {
      super(name);
      this.weight = publish(weight);
      this.kernel = ROUTE.with("k", perToken).with("normalised", normalised);
    }

    /** The experts' probabilities and indices (N, k) for tokens (N, D). */
    NDList forward(NDArray x, Pass pass) {
      return kernel.callForAll(x, weight.value(pass));
    }
  }

  /** All experts of a layer. */
  public static final class Experts extends NamedBlock {

    private final ParameterSite gateUp;
    private final ParameterSite down;
    private final Kernel kernel;

    /**
     * Creates experts.
     *
     * @param gateUp [E, 2 I, D], W_gate above W_up for each expert
     * @param down [E, D, I]
     */
    public Experts(String name, ParameterSite gateUp, ParameterSite down, Activation f) {
      super(name);
      this.gateUp = publish(gateUp);
      this.down = publish(down);
      this.kernel = Kernel.of(f.gatedSource() + EXPERTS);
    }

    /** The weighted sums (N, D) of the experts that a router chose. */
    NDArray forward(NDArray x, NDArray p, NDArray expert, Pass pass) {
      return kernel.call(x, p, expert, gateUp.value(pass), down.value(pass));
    }
  }
}
