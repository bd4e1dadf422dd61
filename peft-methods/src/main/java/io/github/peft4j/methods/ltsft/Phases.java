package io.github.peft4j.methods.ltsft;

import org.jspecify.annotations.Nullable;

/**
 * The phases of a training: iterations of a full phase and a masked one.
 *
 * @param iterations their number
 * @param full steps of a full phase
 * @param masked steps of a masked phase; the last one takes what is left of the training
 * @param total steps of the training
 */
record Phases(int iterations, long full, long masked, long total) {

  /**
   * Divides a training.
   *
   * @throws IllegalArgumentException if the config's steps are not those of the training
   */
  static Phases of(LtSftConfig config, long total) {
    int n = config.nFtIterations();
    Integer full = config.fullFtMaxStepsPerIteration();
    Integer masked = config.sparseFtMaxStepsPerIteration();
    long each = total / n;
    long first = full != null ? full : masked != null ? each - masked : each / 2;
    long second = masked != null ? masked : each - first;
    boolean fits =
        first > 0
            && second > 0
            && (full == null || masked == null || n * (first + second) == total);
    if (!fits) {
      throw new IllegalArgumentException(
          "LtSftConfig: the training has %d steps, and n_ft_iterations is %d, full_ft_max_steps_per_iteration %s, sparse_ft_max_steps_per_iteration %s; expected at least one step for each phase, and %s steps in all if both are set"
              .formatted(total, n, full, masked, sum(n, full, masked)));
    }
    return new Phases(n, first, second, total);
  }

  private static String sum(int n, @Nullable Integer full, @Nullable Integer masked) {
    return full == null || masked == null ? "n · (full + sparse)" : "" + (long) n * (full + masked);
  }

  /** The iteration of a step, counted from 0. */
  private long iteration(long step) {
    return Math.min(step / (full + masked), iterations - 1);
  }

  private long within(long step) {
    return step - iteration(step) * (full + masked);
  }

  /** Whether a step, counted from 0, is one of a full phase. */
  boolean isFull(long step) {
    return within(step) < full;
  }

  /** Whether a step is the last one of a full phase. */
  boolean endsFull(long step) {
    return within(step) == full - 1;
  }

  /** Whether a step is the last one of a masked phase, and another iteration follows. */
  boolean endsMasked(long step) {
    return within(step) == full + masked - 1 && iteration(step) < iterations - 1;
  }

  /** The part of its phase that is left before a step, 1 before the first one. */
  double left(long step) {
    long place = within(step);
    long last =
        iteration(step) == iterations - 1
            ? total - (iterations - 1) * (full + masked)
            : full + masked;
    return place < full
        ? 1 - (double) place / full
        : Math.max(0, 1 - (double) (place - full) / (last - full));
  }
}
