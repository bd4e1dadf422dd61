package io.github.peft4j.composition;

import io.github.peft4j.tuner.Computation;
import io.github.peft4j.tuner.Place;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.DoubleStream;

/**
 * y = Σ wᵢ partᵢ(x), site by site. By default all weights are equal and add up to 1. The frozen
 * model's output is computed once for all parts.
 *
 * <p>This is the weighted sum. AdapterHub's {@code Average} also divides by the number of adapters,
 * because it takes the mean of outputs that are weighted already.
 */
public final class Average implements Composition {

  private final List<Composition> parts;
  private final List<Double> weights;

  private Average(List<Composition> parts, List<Double> weights) {
    this.parts = parts;
    this.weights = weights;
  }

  static Average of(List<Composition> parts) {
    return new Average(
        Parts.unreplicated("average", parts),
        Collections.nCopies(parts.size(), 1.0 / parts.size()));
  }

  /** A copy with these weights, divided by their sum. */
  public Average weights(double... weights) {
    double sum = DoubleStream.of(weights).sum();
    if (!(Math.abs(sum) > 0)) {
      throw new IllegalArgumentException(
          "average: field 'weights' is "
              + Arrays.toString(weights)
              + "; expected numbers whose sum is not 0, or take rawWeights");
    }
    return rawWeights(DoubleStream.of(weights).map(weight -> weight / sum).toArray());
  }

  /** A copy with these weights, which need not add up to 1. */
  public Average rawWeights(double... weights) {
    if (weights.length != parts.size() || !DoubleStream.of(weights).allMatch(Double::isFinite)) {
      throw new IllegalArgumentException(
          "average: field 'weights' is "
              + Arrays.toString(weights)
              + "; expected a number for each of "
              + parts);
    }
    return new Average(parts, DoubleStream.of(weights).boxed().toList());
  }

  @Override
  public <I, O> Computation<I, O> over(Place<I, O> place, Computation<I, O> base) {
    if (parts.stream().allMatch(part -> part.over(place, base) == base)) {
      return base;
    }
    return (input, context) -> {
      Computation<I, O> shared = new Memoized<>(input, base);
      List<O> outputs =
          parts.stream().map(part -> part.over(place, shared).forward(input, context)).toList();
      return place.outputs().sum(outputs, weights);
    };
  }

  @Override
  public List<List<String>> lineups() {
    return Parts.lineups(parts);
  }

  @Override
  public boolean isByRow() {
    return parts.stream().anyMatch(Composition::isByRow);
  }

  @Override
  public Composition renamed(UnaryOperator<String> names) {
    return new Average(Parts.renamed(parts, names), weights);
  }

  @Override
  public String toString() {
    return Parts.text("average", parts);
  }
}
