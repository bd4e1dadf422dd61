package io.github.peft4j.adapter.combine;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A way to combine several adapters into one: {@code model.combine("both", Combination.of("a",
 * "b").weights(0.7, 0.3))}.
 *
 * <p>Combinations work on the adapters' changes ΔWᵢ of a weight, scale included. The new adapter's
 * change is
 *
 * <ul>
 *   <li>by default Σ wᵢ ΔWᵢ, exactly (task arithmetic, Ilharco et al. 2023, arXiv:2212.04089); its
 *       rank is the sum of the ranks;
 *   <li>{@link #magnitudePrune}: the weighted sum of pruned changes, which keep only their largest
 *       elements;
 *   <li>{@link #dareLinear}: the weighted sum of changes whose elements are dropped at random and
 *       the rest scaled up (DARE, Yu et al. 2024, arXiv:2311.03099, section 3.2);
 *   <li>{@link #ties}: for each element, the mean of the pruned changes that have the elected sign
 *       (TIES, Yadav et al. 2023, arXiv:2306.01708, section 3.2); weights apply after the election,
 *       as in Hugging Face PEFT;
 *   <li>{@link #dareTies}: like {@link #ties}, with elements dropped at random instead of pruned.
 * </ul>
 *
 * <p>{@link #rank} replaces the change with its best approximation of that rank, a truncated
 * singular value decomposition.
 *
 * <p>Hugging Face PEFT's {@code add_weighted_adapter} gives different results under the same names.
 * Its {@code linear}, {@code ties}, {@code dare_*} and {@code magnitude_prune} combine the factors
 * A and B separately, so that their product mixes B of one adapter with A of another. Its {@code
 * cat}, {@code svd} and {@code *_svd} compute the same as here, except that they are √r times too
 * large for adapters with rank-stabilized scales.
 */
public final class Combination {

  /** How elements of a change are dropped before it is added. */
  enum Pruning {
    NONE,
    MAGNITUDE,
    RANDOM
  }

  /** How TIES elects the sign of an element. */
  public enum Election {
    /** The sign of the sum. */
    TOTAL,
    /** The sign that most adapters have. */
    FREQUENCY
  }

  /** The largest of the adapters' ranks. */
  private static final int LARGEST = 0;

  private static final List<String> TYPES =
      List.of("cat", "svd", "magnitude_prune_svd", "dare_linear_svd", "ties_svd", "dare_ties_svd");

  private final List<String> adapters;
  private final List<Double> weights;
  private final Pruning pruning;
  private final double density;
  private final long seed;
  private final @Nullable Election election;
  private final @Nullable Integer rank;
  private final double clamp;

  private Combination(
      List<String> adapters,
      List<Double> weights,
      Pruning pruning,
      double density,
      long seed,
      @Nullable Election election,
      @Nullable Integer rank,
      double clamp) {
    this.adapters = adapters;
    this.weights = weights;
    this.pruning = pruning;
    this.density = density;
    this.seed = seed;
    this.election = election;
    this.rank = rank;
    this.clamp = clamp;
  }

  /** The sum of these adapters' changes, all with weight 1. */
  public static Combination of(String... adapters) {
    require(adapters.length > 0, "adapters", "[]", "at least one name");
    require(
        Arrays.stream(adapters).distinct().count() == adapters.length,
        "adapters",
        Arrays.toString(adapters),
        "each name once");
    return new Combination(
        List.of(adapters),
        DoubleStream.generate(() -> 1).limit(adapters.length).boxed().toList(),
        Pruning.NONE,
        1,
        0,
        null,
        null,
        1);
  }

  private static void require(boolean fine, String field, Object value, String expected) {
    if (!fine) {
      throw new IllegalArgumentException(
          "Combination: field '" + field + "' is " + value + "; expected " + expected);
    }
  }

  /**
   * A copy with a weight for each adapter. Weights need not add up to 1. A negative weight
   * subtracts the adapter's change.
   *
   * @param weights finite numbers in the order of the adapters; by default 1
   */
  public Combination weights(double... weights) {
    require(
        weights.length == adapters.size() && DoubleStream.of(weights).allMatch(Double::isFinite),
        "weights",
        Arrays.toString(weights),
        "a number for each of " + adapters);
    return new Combination(
        adapters,
        DoubleStream.of(weights).boxed().toList(),
        pruning,
        density,
        seed,
        election,
        rank,
        clamp);
  }

  /**
   * A copy that sums changes after pruning them to their largest elements.
   *
   * @param density the share of elements that are kept, in (0, 1]
   */
  public Combination magnitudePrune(double density) {
    return pruned(Pruning.MAGNITUDE, density, 0, null);
  }

  /**
   * A copy that sums changes whose elements are dropped at random and the rest divided by the
   * density.
   *
   * @param density the probability of keeping an element, in (0, 1]
   * @param seed of the random choice
   */
  public Combination dareLinear(double density, long seed) {
    return pruned(Pruning.RANDOM, density, seed, null);
  }

  /**
   * A copy that prunes each change to its largest elements and averages those that have the elected
   * sign.
   *
   * @param density the share of elements that are kept, in (0, 1]; the paper uses 0.2
   */
  public Combination ties(double density) {
    return pruned(Pruning.MAGNITUDE, density, 0, Election.TOTAL);
  }

  /**
   * Like {@link #ties}, with elements dropped at random instead of pruned.
   *
   * @param density the probability of keeping an element, in (0, 1]
   * @param seed of the random choice
   */
  public Combination dareTies(double density, long seed) {
    return pruned(Pruning.RANDOM, density, seed, Election.TOTAL);
  }

  private Combination pruned(
      Pruning pruning, double density, long seed, @Nullable Election election) {
    require(density > 0 && density <= 1, "density", density, "a value in (0, 1]");
    return new Combination(adapters, weights, pruning, density, seed, election, rank, clamp);
  }

  /**
   * A copy with this election of signs; by default {@link Election#TOTAL}.
   *
   * @throws IllegalArgumentException unless {@link #ties} or {@link #dareTies} was chosen before
   */
  public Combination electing(Election election) {
    require(this.election != null, "election", election, "ties or dareTies to be chosen before");
    return new Combination(adapters, weights, pruning, density, seed, election, rank, clamp);
  }

  /**
   * A copy that is approximated by this rank at most.
   *
   * @param rank above 0; by default the sum of the adapters' ranks
   */
  public Combination rank(int rank) {
    require(rank > 0, "rank", rank, "a rank above 0");
    return new Combination(adapters, weights, pruning, density, seed, election, rank, clamp);
  }

  /**
   * A copy that clips the elements of both factors to plus and minus a quantile of all of them,
   * like Hugging Face PEFT's {@code svd_clamp}. This cuts off the few large elements of a
   * decomposition.
   *
   * @param quantile in (0.5, 1], usually 0.99; 1 clips nothing
   */
  public Combination clamp(double quantile) {
    require(quantile > 0.5 && quantile <= 1, "clamp", quantile, "a value in (0.5, 1]");
    return new Combination(adapters, weights, pruning, density, seed, election, rank, quantile);
  }

  /** Like {@link #type(String, double, long)}, for types without pruning: cat and svd. */
  public Combination type(String combinationType) {
    return type(combinationType, 1, 0);
  }

  /**
   * A copy of the combination type that Hugging Face PEFT's {@code add_weighted_adapter} has under
   * this name. By default the rank is the largest of the adapters' ranks; for {@code cat} it is
   * their sum.
   *
   * @param combinationType cat, svd, magnitude_prune_svd, dare_linear_svd, ties_svd or
   *     dare_ties_svd
   * @param density the share of elements that are kept, in (0, 1]; 1 for cat and svd
   * @param seed of the elements that dare_linear_svd and dare_ties_svd drop
   * @throws IllegalArgumentException for linear, ties, dare_linear, dare_ties and magnitude_prune,
   *     which combine factors separately; the message names the type to use instead
   */
  public Combination type(String combinationType, double density, long seed) {
    Combination largest =
        rank == null
            ? new Combination(
                adapters, weights, pruning, this.density, this.seed, election, LARGEST, clamp)
            : this;
    return switch (combinationType) {
      case "cat", "svd" -> {
        require(density == 1, "density", density, "1, as " + combinationType + " prunes nothing");
        yield (combinationType.equals("cat") ? this : largest).pruned(Pruning.NONE, 1, 0, null);
      }
      case "magnitude_prune_svd" -> largest.magnitudePrune(density);
      case "dare_linear_svd" -> largest.dareLinear(density, seed);
      case "ties_svd" -> largest.ties(density);
      case "dare_ties_svd" -> largest.dareTies(density, seed);
      default ->
          throw new IllegalArgumentException(
              "Combination: field 'combination_type' is "
                  + combinationType
                  + "; expected one of "
                  + TYPES
                  + ". In PEFT linear, ties, dare_linear, dare_ties and magnitude_prune combine A and"
                  + " B separately, so their product is not the combination of the changes: take"
                  + " cat for linear, and the type with _svd for the others");
    };
  }

  /** The quantile of {@link #clamp(double)}; 1 for no clipping. */
  double clamp() {
    return clamp;
  }

  /** The rank of a combination of changes of these ranks. */
  int rankOf(List<Integer> ranks) {
    if (rank == null) {
      return ranks.stream().mapToInt(Integer::intValue).sum();
    }
    return rank == LARGEST ? Collections.max(ranks) : rank;
  }

  /** The rank that was given as a number, or null. */
  @Nullable Integer ownRank() {
    return rank == null || rank == LARGEST ? null : rank;
  }

  public List<String> adapters() {
    return adapters;
  }

  List<Double> weights() {
    return weights;
  }

  Pruning pruning() {
    return pruning;
  }

  double density() {
    return density;
  }

  long seed() {
    return seed;
  }

  @Nullable Election election() {
    return election;
  }

  /** Whether the combination is exactly Σ wᵢ ΔWᵢ. */
  boolean isSum() {
    return pruning == Pruning.NONE && election == null;
  }

  @Override
  public String toString() {
    return IntStream.range(0, adapters.size())
            .mapToObj(i -> weights.get(i) + " " + adapters.get(i))
            .collect(Collectors.joining(" + "))
        + (pruning == Pruning.NONE ? "" : ", " + pruning + " density " + density)
        + (election == null ? "" : ", signs by " + election)
        + (rank == null ? "" : ", rank " + (rank == LARGEST ? "of the largest" : rank))
        + (clamp == 1 ? "" : ", clamped at " + clamp);
  }
}
