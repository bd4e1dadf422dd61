package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A linear map y = W x + b: input (…, in), output (…, out). */
public final class LinearSite extends Site<NDArray, NDArray> {

  private final ParameterSite weight;
  private final @Nullable ParameterSite bias;
  private final boolean transposed;

  /**
   * Creates a site.
   *
   * @param weight [out, in], or [in, out] if transposed
   * @param transposed whether the weight is stored as GPT-2's Conv1D stores it
   */
  public LinearSite(
      String name,
      ParameterSite weight,
      @Nullable ParameterSite bias,
      boolean transposed,
      Forward<NDArray, NDArray> base) {
    super(name, base);
    this.weight = weight;
    this.bias = bias;
    this.transposed = transposed;
  }

  /** The weight as stored: [out, in], or [in, out] if {@link #isTransposed}. */
  public ParameterSite weight() {
    return weight;
  }

  /** The bias [out], if there is one. */
  public Optional<ParameterSite> bias() {
    return Optional.ofNullable(bias);
  }

  /** Whether the weight is stored as [in, out]: {@code fan_in_fan_out} in Hugging Face PEFT. */
  public boolean isTransposed() {
    return transposed;
  }

  /** Size of the input's last dimension. */
  public long inFeatures() {
    return weight.shape().get(transposed ? 0 : 1);
  }

  /** Size of the output's last dimension. */
  public long outFeatures() {
    return weight.shape().get(transposed ? 1 : 0);
  }
}
