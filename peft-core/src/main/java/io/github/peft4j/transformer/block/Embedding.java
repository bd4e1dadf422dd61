package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.site.EmbeddingSite;
import io.github.peft4j.tuner.site.ParameterSite;

/** An embedding table: ids (B, T) → (B, T, d). */
public final class Embedding extends NamedBlock {

  private static final Kernel EMBEDDING =
      Kernel.of(
          """
          def embedding(ids: Tensor, weight: Tensor) -> Tensor:       # ids (B, T), weight (V, d)
              return torch.embedding(weight, ids)
          """);

  private final ParameterSite weight;
  private final EmbeddingSite site;

  /**
   * Creates a table.
   *
   * @param weight [V, d]
   */
  public Embedding(String name, NDArray weight) {
    super(name);
    this.weight = new ParameterSite(name + ".weight", weight);
    this.site =
        publish(
            new EmbeddingSite(
                name,
                this.weight,
                (ids, context) -> EMBEDDING.call(ids, this.weight.value(context))));
    publish(this.weight);
  }

  /** Computes the vectors with the adapters of the pass. */
  public NDArray forward(NDArray ids, ForwardContext context) {
    return site.forward(ids, context);
  }

  /** The table [V, d], changed by the adapters of the pass. */
  NDArray weight(ForwardContext context) {
    return weight.value(context);
  }

  /** The table's site. */
  public EmbeddingSite site() {
    return site;
  }

  /** Number of vectors. */
  public long entries() {
    return site.entries();
  }
}
