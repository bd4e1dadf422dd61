package io.github.peft4j.tuner.site;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.ArrayRows;
import io.github.peft4j.tuner.Computation;
import io.github.peft4j.tuner.Joining;
import io.github.peft4j.tuner.Rows;
import io.github.peft4j.tuner.Splitting;
import java.util.function.Predicate;
import java.util.function.Supplier;

/** One linear map of each expert of a layer, y = W_e x: tokens (M, in) → (M, out). */
public final class ExpertsSite extends Site<ExpertsSite.Input, NDArray> {

  private final ParameterSite weight;

  /**
   * Creates a site, whose name is that of its weight.
   *
   * @param weight [E, out, in]
   */
  public ExpertsSite(ParameterSite weight, Computation<Input, NDArray> base) {
    super(weight.name(), base);
    this.weight = weight;
  }

  /** The maps of all experts [E, out, in]. */
  public ParameterSite weight() {
    return weight;
  }

  /** The number of experts E. */
  public long experts() {
    return weight.shape().get(0);
  }

  /** The size of the input's last dimension. */
  public long inFeatures() {
    return weight.shape().get(2);
  }

  /** The size of the output's last dimension. */
  public long outFeatures() {
    return weight.shape().get(1);
  }

  @Override
  public String module() {
    return weight.module();
  }

  @Override
  public ParameterSite weightSite() {
    return weight;
  }

  @Override
  boolean reads(Predicate<ParameterSite> parameters) {
    return parameters.test(weight);
  }

  @Override
  public Splitting<Input> inputs() {
    return inputs(() -> "");
  }

  /** Always throws: tokens are in the order of their experts, and no longer in rows. */
  @Override
  Splitting<Input> inputs(Supplier<String> layers) {
    return new Splitting<>() {
      @Override
      public long rows(Input input) {
        throw new IllegalStateException(
            "rows of one batch cannot have adapters of their own at "
                + name()
                + ", which computes tokens by expert; the layers there are "
                + layers.get()
                + ": take adapters without target_parameters of experts, or run them one after the"
                + " other");
      }

      @Override
      public Input select(Input input, Rows rows) {
        return input;
      }
    };
  }

  @Override
  public Joining<NDArray> outputs() {
    return ArrayRows.INSTANCE;
  }

  /**
   * Tokens, each for one expert.
   *
   * @param tokens (M, in), those of expert 0 first, then those of expert 1, …
   * @param counts the number of each expert's tokens (E), whole numbers on the CPU
   */
  public record Input(NDArray tokens, NDArray counts) {

    private static final Kernel MAP =
        Kernel.of(
            """
            def map(x: Tensor, count: Tensor, w: Tensor) -> Tensor:  # x (M, in), w (E, out, in)
                counts = annotate(List[int], count.tolist())
                xs = torch.split_with_sizes(x, counts, 0)
                ws = torch.unbind(w.to(x.dtype), 0)
                ys = annotate(List[Tensor], [])
                for e in range(torch.len(counts)):
                    if counts[e] > 0:
                        torch.append(ys, torch.linear(xs[e], ws[e]))
                return torch.cat(ys, 0)
            """);

    /** W_e x for each token x of each expert e (M, out), with weights [E, out, in]. */
    public NDArray map(NDArray weights) {
      return MAP.call(tokens, counts, weights);
    }

    /** Other tokens of the same experts. */
    public Input with(NDArray tokens) {
      return new Input(tokens, counts);
    }
  }
}
