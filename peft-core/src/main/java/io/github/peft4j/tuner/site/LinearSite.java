package io.github.peft4j.tuner.site;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Computation;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A linear map y = W x + b: input (…, in), output (…, out). */
public final class LinearSite extends WeightedSite {

  /** The role of the map in its model, by which methods choose their default targets. */
  public enum Role {
    /** Projection of embeddings to the hidden size, or from it to their size. */
    EMBEDDING,
    /** Query projection of attention. */
    QUERY,
    /** Key projection of attention. */
    KEY,
    /** Value projection of attention. */
    VALUE,
    /** Fused query, key and value projection. */
    QUERY_KEY_VALUE,
    /** Output projection of attention. */
    ATTENTION_OUTPUT,
    /** Gate projection of a gated feed-forward network. */
    GATE,
    /** Up projection: the first map of a feed-forward network. */
    UP,
    /** Down projection: the last map of a feed-forward network. */
    DOWN,
    /** Pooler between body and classifier, followed by tanh. */
    POOLER,
    /** Another map between body and output layer. */
    HEAD_TRANSFORM,
    /** Output layer: a language model's map to logits, or a classifier. */
    HEAD
  }

  private final Role role;
  private final boolean transposed;
  private final @Nullable EmbeddingSite table;

  /**
   * Creates a site.
   *
   * @param weight [out, in], or [in, out] if transposed
   * @param transposed whether the weight is stored as [in, out], like GPT-2's Conv1D
   */
  public LinearSite(
      String name,
      Role role,
      ParameterSite weight,
      @Nullable ParameterSite bias,
      boolean transposed,
      Computation<NDArray, NDArray> base) {
    super(name, weight, bias, base);
    this.role = role;
    this.transposed = transposed;
    this.table = null;
  }

  /**
   * Creates a site of a map without bias whose weight shares its memory with an embedding table.
   *
   * @param weight [out, in], a view of the table; merging an adapter into one of the two does not
   *     change the other
   * @param table the site of the embedding
   */
  public LinearSite(
      String name,
      Role role,
      ParameterSite weight,
      EmbeddingSite table,
      Computation<NDArray, NDArray> base) {
    super(name, weight, null, base);
    this.role = role;
    this.transposed = false;
    this.table = table;
  }

  /** The role of the map in its model. */
  public Role role() {
    return role;
  }

  /** The embedding that shares this map's weight, if there is one. */
  public Optional<EmbeddingSite> table() {
    return Optional.ofNullable(table);
  }

  /** Whether the weight is stored as [in, out]; {@code fan_in_fan_out} in Hugging Face PEFT. */
  public boolean isTransposed() {
    return transposed;
  }

  /** The size of the input's last dimension. */
  public long inFeatures() {
    return weight().shape().get(transposed ? 0 : 1);
  }

  /** The size of the output's last dimension. */
  public long outFeatures() {
    return weight().shape().get(transposed ? 1 : 0);
  }
}
