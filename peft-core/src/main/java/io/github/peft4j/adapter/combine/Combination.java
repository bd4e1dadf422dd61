package io.github.peft4j.adapter.combine;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * How several adapters become one: {@code model.combine("both", Combination.of("a",
 * "b").weights(0.7, 0.3))}.
 *
 * <p>Everything is said of the changes ΔWᵢ that the adapters make to a weight, scale included. The
 * new adapter's change is
 *
 * <ul>
 *   <li>Σ wᵢ ΔWᵢ, exactly, unless said otherwise (task arithmetic, Ilharco et al. 2023,
 *       arXiv:2212.04089): ranks add up;
 *   <li>{@link #magnitudePrune}: the same of pruned changes, of whose elements only the largest are
 *       left;
 *   <li>{@link #dareLinear}: the same of changes whose elements are dropped at random, the rest
 *       scaled up (DARE, Yu et al. 2024, arXiv:2311.03099, section 3.2);
 *   <li>{@link #ties}: of pruned changes, the mean of those that have the elected sign, element by
 *       element (TIES, Yadav et al. 2023, arXiv:2306.01708, section 3.2), weighted as Hugging Face
 *       PEFT weights them: after the election;
 *   <li>{@link #dareTies}: the same of changes whose elements are dropped at random.
 * </ul>
 *
 * <p>{@link #rank} keeps the best approximation of that rank (a truncated singular value
 * decomposition).
 *
 * <p>Hugging Face PEFT's {@code add_weighted_adapter} has other numbers under the same names: its
 * {@code linear}, {@code ties}, {@code dare_*} and {@code magnitude_prune} combine the factors A
 * and B apart, so that their product has terms of B of one adapter and A of another; its {@code
 * cat}, {@code svd} and {@code *_svd} are the ones here, but √r times too large for adapters with
 * rank-stabilized scales.
 */
public final class Combination {

  /** What becomes of a change before it is added. */
  enum Pruning {
    NONE,
    MAGNITUDE,
    RANDOM
  }

  /** How the sign of an element is elected among adapters. */
  public enum Election {
    /** The sign of the sum. */
    TOTAL,
    /** The sign that most of them have. */
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

  /** The sum of these adapters' changes: weights of 1, until {@link #weights} says otherwise. */
  public static Combination of(String... adapters) {
    require(adapters.length > 0, "adapters", "[]", "one name at least");
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
   * With a weight for each adapter, 1 unless said otherwise; they need not add up to 1, and
   * negative ones take an adapter's change away.
   *
   * @param weights finite, in the order of the adapters
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
   * Σ wᵢ of changes of which only the largest elements are left.
   *
   * @param density the part of the elements that is left, in (0, 1]
   */
  public Combination magnitudePrune(double density) {
    return pruned(Pruning.MAGNITUDE, density, 0, null);
  }

  /**
   * Σ wᵢ of changes whose elements are dropped at random, the rest divided by the density.
   *
   * @param density the probability of an element to be left, in (0, 1]
   * @param seed of what is dropped
   */
  public Combination dareLinear(double density, long seed) {
    return pruned(Pruning.RANDOM, density, seed, null);
  }

  /**
   * The largest elements of each change, of these those that have the elected sign, and of these
   * the mean.
   *
   * @param density the part of the elements that is left, in (0, 1]; the paper takes 0.2
   */
  public Combination ties(double density) {
    return pruned(Pruning.MAGNITUDE, density, 0, Election.TOTAL);
  }

  /**
   * As {@link #ties}, of changes whose elements are dropped at random.
   *
   * @param density the probability of an element to be left, in (0, 1]
   * @param seed of what is dropped
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
   * With signs elected so; {@link Election#TOTAL} unless said otherwise.
   *
   * @throws IllegalArgumentException unless {@link #ties} or {@link #dareTies} was chosen before
   */
  public Combination electing(Election election) {
    require(this.election != null, "election", election, "ties or dareTies to be chosen before");
    return new Combination(adapters, weights, pruning, density, seed, election, rank, clamp);
  }

  /**
   * Of this rank at most, as near as that can be.
   *
   * @param rank above 0; left out, the sum of the adapters' ranks
   */
  public Combination rank(int rank) {
    require(rank > 0, "rank", rank, "a rank above 0");
    return new Combination(adapters, weights, pruning, density, seed, election, rank, clamp);
  }

  /**
   * With the elements of both factors clipped to plus and minus a quantile of all of them, as
   * Hugging Face PEFT's {@code svd_clamp} does: a decomposition's few large elements are cut off.
   *
   * @param quantile above 0.5 and up to 1, which clips nothing; 0.99 is usual
   */
  public Combination clamp(double quantile) {
    require(quantile > 0.5 && quantile <= 1, "clamp", quantile, "a value in (0.5, 1]");
    return new Combination(adapters, weights, pruning, density, seed, election, rank, quantile);
  }

  /** As {@link #type(String, double, long)}, for what prunes nothing: cat and svd. */
  public Combination type(String combinationType) {
    return type(combinationType, 1, 0);
  }

  /**
   * What Hugging Face PEFT's {@code add_weighted_adapter} calls so. All but {@code cat} have the
   * largest of the adapters' ranks, unless {@link #rank} says otherwise.
   *
   * @param combinationType cat, svd, magnitude_prune_svd, dare_linear_svd, ties_svd or
   *     dare_ties_svd
   * @param density the part of the elements that is left, in (0, 1]; 1 for cat and svd
   * @param seed of what dare_linear_svd and dare_ties_svd drop
   * @throws IllegalArgumentException for linear, ties, dare_linear, dare_ties and magnitude_prune,
   *     which combine factors apart, saying what to take instead
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
                  + " B apart, whose product is not the combination of the changes: take cat for"
                  + " linear, and the type with _svd for the others");
    };
  }

  /** Clips to what {@link #clamp} says; 1 for nothing. */
  double clamp() {
    return clamp;
  }

  /** The rank of what is made of changes of these ranks. */
  int rankOf(List<Integer> ranks) {
    if (rank == null) {
      return ranks.stream().mapToInt(Integer::intValue).sum();
    }
    return rank == LARGEST ? Collections.max(ranks) : rank;
  }

  /** The rank that was asked for as a number, or null. */
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

  /** Whether it is Σ wᵢ ΔWᵢ. */
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
