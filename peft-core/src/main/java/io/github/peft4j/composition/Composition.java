package io.github.peft4j.composition;

import io.github.peft4j.tuner.Computation;
import io.github.peft4j.tuner.Place;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * Which adapters are at work and how they are combined. The same composition holds for every site;
 * an adapter without a layer at a site leaves the site as it is.
 *
 * <p>A composition is a function over sites: of what the adapters change there and of what the
 * frozen model computes it makes one computation. Compositions are nested as AdapterHub nests them
 * (Poth et al. 2023, arXiv:2311.11077), and further wherever it has a meaning:
 *
 * <pre>{@code
 * model.activate(Composition.stack(
 *     Composition.of("language"), Composition.average("news", "reviews").weights(3, 1)));
 * }</pre>
 */
public interface Composition {

  /** In {@link #perRow}, the name of the frozen model alone; as in Hugging Face PEFT. */
  String BASE = "__base__";

  /** The frozen model alone. */
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
   * The computation of a place with these adapters.
   *
   * @param base the computation without them
   * @return {@code base} itself if no adapter makes a difference
   * @throws IllegalArgumentException if an adapter's change cannot be composed so, saying which
   */
  <I, O> Computation<I, O> over(Place<I, O> place, Computation<I, O> base);

  /**
   * The adapters that one row of a batch goes through, the innermost first, for every way there is:
   * one for a stack, one for each part of a batch.
   */
  List<List<String>> lineups();

  /** Names of the adapters that take part, the innermost first. */
  default Set<String> adapters() {
    Set<String> names = new LinkedHashSet<>();
    lineups().forEach(names::addAll);
    return names;
  }

  /** Whether rows of one batch go different ways. */
  default boolean isByRow() {
    return false;
  }

  /**
   * The same with an adapter under another name.
   *
   * @param names a function over names, the identity but for the adapter that was renamed
   */
  Composition renamed(UnaryOperator<String> names);

  /** How many times the batch is replicated, one after the other: see {@link #parallel}. */
  default int replicas() {
    return 1;
  }

  /** One adapter. */
  static Composition of(String adapter) {
    return new Single(adapter);
  }

  /**
   * Several adapters on top of each other, as Hugging Face PEFT does with several active adapters:
   * additive methods add up, scaling methods multiply.
   *
   * @param adapters the innermost first
   */
  static Composition stack(String... adapters) {
    return stack(List.of(adapters));
  }

  /** Several adapters on top of each other, the innermost first. */
  static Composition stack(List<String> adapters) {
    return stack(Parts.of(adapters.stream()));
  }

  /** Compositions on top of each other, the innermost first. */
  static Composition stack(Composition... parts) {
    return parts.length == 1 ? parts[0] : new Stacked(List.of(parts));
  }

  /** The mean of what the model computes with each adapter, site by site. */
  static Average average(String... adapters) {
    return average(List.of(adapters));
  }

  /** The mean of what the model computes with each adapter, site by site. */
  static Average average(List<String> adapters) {
    return average(Parts.of(adapters.stream()));
  }

  /** The mean of what the model computes with each composition, site by site. */
  static Average average(Composition... parts) {
    return Average.of(List.of(parts));
  }

  /**
   * A trained mixture of adapters: AdapterFusion.
   *
   * @param fusion the adapter that holds the mixture
   * @param adapters which it mixes, in the order that it was trained with
   */
  static Composition fuse(String fusion, String... adapters) {
    return fuse(fusion, List.of(adapters));
  }

  /** A trained mixture of adapters, in the order that it was trained with. */
  static Composition fuse(String fusion, List<String> adapters) {
    return fuse(fusion, Parts.of(adapters.stream()));
  }

  /** A trained mixture of compositions. */
  static Composition fuse(String fusion, Composition... parts) {
    return new Fuse(fusion, List.of(parts));
  }

  /**
   * The same batch through each adapter, in one pass: the batch is replicated, and the outputs are
   * those of the first adapter, then of the second, …
   */
  static Composition parallel(String... adapters) {
    return parallel(List.of(adapters));
  }

  /** The same batch through each adapter, in one pass. */
  static Composition parallel(List<String> adapters) {
    return parallel(Parts.of(adapters.stream()));
  }

  /** The same batch through each composition, in one pass. */
  static Composition parallel(Composition... parts) {
    return new Parallel(List.of(parts));
  }

  /**
   * The first rows of a batch through the first adapter, those that follow through the second, …
   *
   * @param sizes how many rows each adapter gets; a batch has as many as all together
   */
  static Composition batchSplit(List<Integer> sizes, String... adapters) {
    return batchSplit(sizes, List.of(adapters));
  }

  /** The first rows of a batch through the first adapter, and so on. */
  static Composition batchSplit(List<Integer> sizes, List<String> adapters) {
    return batchSplit(sizes, Parts.of(adapters.stream()));
  }

  /** The first rows of a batch through the first composition, and so on. */
  static Composition batchSplit(List<Integer> sizes, Composition... parts) {
    return new BatchSplit(List.of(parts), sizes);
  }

  /**
   * An adapter for each row of the batch: {@code adapter_names} in Hugging Face PEFT's forward.
   *
   * @param adapters a name for each row, {@value #BASE} for none
   */
  static Composition perRow(String... adapters) {
    return perRow(List.of(adapters));
  }

  /** An adapter for each row of the batch. */
  static Composition perRow(List<String> adapters) {
    return new PerRow(adapters);
  }

  /** Adapters by weight, as {@link Average#weights}: weights need not add up to 1. */
  static Composition average(Map<String, Double> weights) {
    return average(Parts.of(weights.keySet().stream()))
        .weights(weights.values().stream().mapToDouble(Double::doubleValue).toArray());
  }
}
