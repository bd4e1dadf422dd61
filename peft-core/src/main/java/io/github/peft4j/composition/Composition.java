package io.github.peft4j.composition;

import io.github.peft4j.tuner.Computation;
import io.github.peft4j.tuner.Place;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * The adapters of a call and how they are combined. The same composition applies at every site. An
 * adapter without a layer at a site does not change that site.
 *
 * <p>At each site a composition turns the adapters' changes and the frozen model's computation into
 * one computation. Compositions nest as in AdapterHub (Poth et al. 2023, arXiv:2311.11077), and in
 * further ways that AdapterHub does not allow:
 *
 * <pre>{@code
 * model.activate(Composition.stack(
 *     Composition.of("language"), Composition.average("news", "reviews").weights(3, 1)));
 * }</pre>
 */
public interface Composition {

  /** The name of the frozen model without adapters in {@link #perRow}, as in Hugging Face PEFT. */
  String BASE = "__base__";

  /** The frozen model without adapters. */
  Composition NONE =
      new Composition() {
        @Override
        public <I, O> Computation<I, O> over(Place<I, O> place, Computation<I, O> base) {
          return base;
        }

        @Override
        public List<List<String>> lineups() {
          return List.of(List.of());
        }

        @Override
        public Composition renamed(UnaryOperator<String> names) {
          return this;
        }

        @Override
        public String toString() {
          return "none";
        }
      };

  /**
   * The computation at a place with these adapters.
   *
   * @param base the computation without them
   * @return the new computation; {@code base} itself if no adapter changes it
   * @throws IllegalArgumentException if an adapter's change cannot be composed in this way; the
   *     message names it
   */
  <I, O> Computation<I, O> over(Place<I, O> place, Computation<I, O> base);

  /**
   * The possible sequences of adapters for one row of a batch, the innermost adapter first. A stack
   * has one sequence, a split batch one for each part.
   */
  List<List<String>> lineups();

  /** Names of the adapters that take part, the innermost first. */
  default Set<String> adapters() {
    Set<String> names = new LinkedHashSet<>();
    lineups().forEach(names::addAll);
    return names;
  }

  /** Whether rows of one batch use different adapters. */
  default boolean isByRow() {
    return false;
  }

  /**
   * A copy in which an adapter has another name.
   *
   * @param names maps old to new names; the identity except for the renamed adapter
   */
  Composition renamed(UnaryOperator<String> names);

  /**
   * The number of copies of the batch that are concatenated, see {@link #parallel}; by default 1.
   */
  default int replicas() {
    return 1;
  }

  /** One adapter. */
  static Composition of(String adapter) {
    return new Single(adapter);
  }

  /**
   * Several adapters stacked, like several active adapters in Hugging Face PEFT: additive methods
   * add up, scaling methods multiply.
   *
   * @param adapters the innermost first
   */
  static Composition stack(String... adapters) {
    return stack(List.of(adapters));
  }

  /** Several adapters stacked, the innermost first. */
  static Composition stack(List<String> adapters) {
    return stack(Parts.of(adapters.stream()));
  }

  /** Several compositions stacked, the innermost first. */
  static Composition stack(Composition... parts) {
    return parts.length == 1 ? parts[0] : new Stacked(List.of(parts));
  }

  /** The mean of the outputs with each adapter, site by site. */
  static Average average(String... adapters) {
    return average(List.of(adapters));
  }

  /** The mean of the outputs with each adapter, site by site. */
  static Average average(List<String> adapters) {
    return average(Parts.of(adapters.stream()));
  }

  /** The mean of the outputs with each composition, site by site. */
  static Average average(Composition... parts) {
    return Average.of(List.of(parts));
  }

  /**
   * A trained mixture of adapters: AdapterFusion.
   *
   * @param fusion the adapter that holds the mixture
   * @param adapters the mixed adapters, in the order of the fusion's training
   */
  static Composition fuse(String fusion, String... adapters) {
    return fuse(fusion, List.of(adapters));
  }

  /** A trained mixture of adapters, in the order of the fusion's training. */
  static Composition fuse(String fusion, List<String> adapters) {
    return fuse(fusion, Parts.of(adapters.stream()));
  }

  /** A trained mixture of compositions. */
  static Composition fuse(String fusion, Composition... parts) {
    return new Fuse(fusion, List.of(parts));
  }

  /**
   * Each adapter on the whole batch, in one pass. The batch is replicated; the output has the rows
   * of the first adapter, then those of the second, …
   */
  static Composition parallel(String... adapters) {
    return parallel(List.of(adapters));
  }

  /** Each adapter on the whole batch, in one pass. */
  static Composition parallel(List<String> adapters) {
    return parallel(Parts.of(adapters.stream()));
  }

  /** Each composition on the whole batch, in one pass. */
  static Composition parallel(Composition... parts) {
    return new Parallel(List.of(parts));
  }

  /**
   * The first adapter on the first rows of a batch, the second on the next rows, …
   *
   * @param sizes number of rows of each adapter; their sum is the batch size
   */
  static Composition batchSplit(List<Integer> sizes, String... adapters) {
    return batchSplit(sizes, List.of(adapters));
  }

  /** The first adapter on the first rows of a batch, and so on. */
  static Composition batchSplit(List<Integer> sizes, List<String> adapters) {
    return batchSplit(sizes, Parts.of(adapters.stream()));
  }

  /** The first composition on the first rows of a batch, and so on. */
  static Composition batchSplit(List<Integer> sizes, Composition... parts) {
    return new BatchSplit(List.of(parts), sizes);
  }

  /**
   * One adapter for each row of the batch, like {@code adapter_names} in Hugging Face PEFT's
   * forward.
   *
   * @param adapters a name for each row, {@value #BASE} for none
   */
  static Composition perRow(String... adapters) {
    return perRow(List.of(adapters));
  }

  /** One adapter for each row of the batch. */
  static Composition perRow(List<String> adapters) {
    return new PerRow(adapters);
  }

  /**
   * A weighted mean of adapters. The weights are divided by their sum, as in {@link
   * Average#weights}.
   */
  static Composition average(Map<String, Double> weights) {
    return average(Parts.of(weights.keySet().stream()))
        .weights(weights.values().stream().mapToDouble(Double::doubleValue).toArray());
  }
}
