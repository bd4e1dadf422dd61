package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.transformer.activation.Activation;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.site.ExpertsSite;
import io.github.peft4j.tuner.site.ParameterSite;

/**
 * A mixture of experts (Shazeer et al. 2017, arXiv:1701.06538; Jiang et al. 2024,
 * arXiv:2401.04088), (B, T, D) → (B, T, D): y = Σ p_e W_down,e (f(W_gate,e x) ∘ W_up,e x) over the
 * k experts e of highest p = softmax(W_r x).
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

  private static final Kernel FLATTEN =
      Kernel.of(
          """
          def flatten(x: Tensor) -> Tensor:                            # (B, T, D) → (B T, D)
              return torch.reshape(x, [-1, torch.size(x, -1)])
          """);
  private static final Kernel LIKE =
      Kernel.of(
          """
          def like(y: Tensor, x: Tensor) -> Tensor:                    # (B T, D) → (B, T, D)
              return torch.reshape(y, torch.size(x))
          """);

  private static final Kernel SORT =
      Kernel.of(
          """
          def sort(x: Tensor, expert: Tensor) -> List[Tensor]:         # x (N, D), expert (N, k)
              chosen = torch.reshape(expert, [-1])
              order = torch.argsort(chosen, stable=True, dim=0, descending=False)
              token = torch.floor_divide(order, torch.size(expert, 1))
              count = torch.bincount(chosen, None, {experts}).to(torch.device("cpu"))
              return [torch.index_select(x, 0, token), count, torch.argsort(order)]
          """);
  private static final Kernel SUM =
      Kernel.of(
          """
          def sum(y: Tensor, place: Tensor, p: Tensor) -> Tensor:      # y (N k, D), p (N, k)
              n, k = torch.size(p, 0), torch.size(p, 1)
              ys = torch.reshape(torch.index_select(y, 0, place), [n, k, -1])
              return torch.squeeze(torch.matmul(torch.unsqueeze(p, 1), ys), 1)
          """);

  private final Router router;
  private final Experts experts;

  /** Creates the block of the two. */
  public MixtureOfExperts(String name, Router router, Experts experts) {
    super(name);
    this.router = part(router);
    this.experts = part(experts);
  }

  /** No: the number of tokens of each expert is read in Java. */
  @Override
  public boolean isRepeatable() {
    return false;
  }

  public NDArray forward(NDArray x, Pass pass) {
    NDArray tokens = FLATTEN.call(x); // (N, D) with N = B T
    NDList chosen = router.forward(tokens, pass);
    return LIKE.call(experts.forward(tokens, chosen.get(0), chosen.get(1), pass), x);
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

    private final ExpertsSite gateUp;
    private final ExpertsSite down;
    private final Activation f;
    private final Kernel sort;

    /**
     * Creates experts.
     *
     * @param gateUp [E, 2 I, D], W_gate above W_up for each expert
     * @param down [E, D, I]
     */
    public Experts(String name, ParameterSite gateUp, ParameterSite down, Activation f) {
      super(name);
      this.gateUp = map(gateUp);
      this.down = map(down);
      this.f = f;
      this.sort = SORT.with("experts", this.down.experts());
    }

    private ExpertsSite map(ParameterSite weight) {
      publish(weight);
      return publish(new ExpertsSite(weight, (in, context) -> in.map(weight.value(context))));
    }

    /**
     * The weighted sums (N, D) of what the chosen experts make of tokens (N, D).
     *
     * @param p the weights (N, k)
     * @param expert the experts (N, k)
     */
    NDArray forward(NDArray x, NDArray p, NDArray expert, Pass pass) {
      pass.requireNumbers("experts are counted on the host");
      NDList sorted = sort.callForAll(x, expert);
      ExpertsSite.Input in = new ExpertsSite.Input(sorted.get(0), sorted.get(1)); // (N k, D)
      NDList halves = FeedForward.HALVES.callForAll(gateUp.forward(in, pass));
      NDArray inner = f.gate(halves.get(0), halves.get(1)); // (N k, I)
      return SUM.call(down.forward(in.with(inner), pass), sorted.get(2), p);
    }
  }
}
