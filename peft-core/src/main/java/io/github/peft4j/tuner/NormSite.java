package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A layer norm or RMS norm over the last dimension: (…, D) → (…, D). */
public final class NormSite extends Site<NDArray, NDArray> {

  private final ParameterSite weight;
  private final @Nullable ParameterSite bias;

  /** Creates a site; the bias is null for an RMS norm. */
  public NormSite(
      String name,
      ParameterSite weight,
      @Nullable ParameterSite bias,
      Forward<NDArray, NDArray> base) {
    super(name, base);
    this.weight = weight;
    this.bias = bias;
  }

  /** The scale [D]. */
  public ParameterSite weight() {
    return weight;
  }

  /** The shift [D], if there is one. */
  public Optional<ParameterSite> bias() {
    return Optional.ofNullable(bias);
  }

  @Override
  public ParameterSite weightSite() {
    return weight;
  }

  @Override
  public boolean reads(String adapter) {
    return weight.layer(adapter) != null || (bias != null && bias.layer(adapter) != null);
  }

  @Override
  public Splitting<NDArray> inputs() {
    return ArrayRows.INSTANCE;
  }

  @Override
  public Joining<NDArray> outputs() {
    return ArrayRows.INSTANCE;
  }
}
