package io.github.peft4j.methods.pruning;

import io.github.peft4j.config.Configs;

/**
 * The threshold in the course of a training: constant, then a third power of what is left, then
 * constant.
 *
 * <pre>v(t) = v_f + (v_i - v_f) (1 - (t - t_i) / (T - t_i - t_f))³</pre>
 *
 * @param initial v_i, for the first {@code before} steps
 * @param last v_f, for the last {@code after} steps
 * @param before t_i
 * @param after t_f
 * @param total T
 */
record Schedule(double initial, double last, long before, long after, long total) {

  /**
   * The schedule of a training.
   *
   * @throws IllegalArgumentException if the steps of the constant parts are more than all
   */
  static Schedule of(PruningConfig config, long total) {
    Integer steps = config.warmupSteps();
    long unit = steps == null ? total / 10 : steps;
    long before = config.initialWarmup() * unit;
    long after = config.finalWarmup() * unit;
    Configs.require(
        before + after <= total,
        PruningConfig.class,
        "warmup_steps",
        steps,
        "warm-ups of (initial_warmup + final_warmup) · warmup_steps = %d · %d steps to fit into the training, which has %d"
            .formatted(config.initialWarmup() + config.finalWarmup(), unit, total));
    return new Schedule(config.initialThreshold(), config.finalThreshold(), before, after, total);
  }

  /**
   * The threshold.
   *
   * @param done number of steps done
   */
  double at(long done) {
    if (done <= before) {
      return initial;
    }
    if (done > total - after) {
      return last;
    }
    double left = 1 - (double) (done - before) / (total - before - after);
    return last + (initial - last) * left * left * left;
  }
}
