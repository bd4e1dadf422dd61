package io.github.peft4j.tuner.site;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Computation;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A linear map y = W x + b: input (…, in), output (…, out). */
public final class LinearSite extends WeightedSite {

  /** What the map does in its model; methods choose their default targets by it. */
  public enum Role {
    /** Queries of attention. */
    QUERY,
    /** Keys of attention. */
    KEY,
    /** Values of attention. */
    VALUE,
    /** Queries, keys and values in one. */
    QUERY_KEY_VALUE,
    /** Output of attention. */
    ATTENTION_OUTPUT,
    /** Gate of a gated feed-forward network. */
    GATE,
    /** First map of a feed-forward network. */
    UP,
    /** Last map of a feed-forward network. */
    DOWN,
    /** Pooling between body and classifier. */
    POOLER,
    /** Logits: a language model's output or a classifier. */
    HEAD
  }

  private final Role role;
  private final boolean transposed;
  private final @Nullable EmbeddingSite table;

  /**
   * Creates a site.
   *
   * @param weight [out, in], or [in, out] if transposed
   * @param transposed whether the weight is stored as GPT-2's Conv1D stores it
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
   * Creates a site of a map without a bias that shares the memory of its weight with a table.
   *
   * @param weight [out, in], on the table's memory; merging an adapter into one of the two leaves
   *     the other as it is
   * @param table the look-up of the table
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

  /** What the map does in its model. */
  public Role role() {
    return role;
  }

  /** The look-up of the table that is this map's weight too, if there is one. */
  public Optional<EmbeddingSite> table() {
    return Optional.ofNullable(table);
  }

  /** Whether the weight is stored as [in, out]: {@code fan_in_fan_out} in Hugging Face PEFT. */
  public boolean isTransposed() {
    return transposed;
  }

  /** Size of the input's last dimension. */
  public long inFeatures() {
    return weight().shape().get(transposed ? 0 : 1);
  }

  /** Size of the output's last dimension. */
  public long outFeatures() {
    return weight().shape().get(transposed ? 1 : 0);
  }
}
