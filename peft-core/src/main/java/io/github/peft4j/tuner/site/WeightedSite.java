package io.github.peft4j.tuner.site;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Computation;
import java.util.Optional;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A computation with a weight and an optional bias, which adapters may change or be merged into.
 */
public abstract class WeightedSite extends ArraySite {

  private final ParameterSite weight;
  private final @Nullable ParameterSite bias;

  /** Creates a site, see {@link Site}. */
  protected WeightedSite(
      String name,
      ParameterSite weight,
      @Nullable ParameterSite bias,
      Computation<NDArray, NDArray> base) {
    super(name, base);
    this.weight = weight;
    this.bias = bias;
  }

  /** The weight, as stored in the checkpoint. */
  public final ParameterSite weight() {
    return weight;
  }

  /** The bias, if there is one. */
  public final Optional<ParameterSite> bias() {
    return Optional.ofNullable(bias);
  }

  @Override
  public final ParameterSite weightSite() {
    return weight;
  }

  @Override
  final boolean reads(Predicate<ParameterSite> parameters) {
    return parameters.test(weight) || (bias != null && parameters.test(bias));
  }
}
