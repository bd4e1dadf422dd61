package io.github.peft4j.train.optimizer;

/**
 * The learning rate of each step. The schedules here are those of Hugging Face transformers: the
 * rate rises linearly from 0 until the warm-up ends, and then falls or stays.
 */
@FunctionalInterface
public interface LearningRateSchedule {

  /**
   * The rate of a step.
   *
   * @param step the step, from 0
   * @return the learning rate
   */
  double rate(long step);

  /**
   * A rate that falls linearly to 0 at the end of the last step, as in {@code
   * get_linear_schedule_with_warmup}.
   *
   * @param peak the rate at the end of the warm-up, 0 or more
   * @param warmupSteps the number of warm-up steps
   * @param totalSteps the total number of steps
   * @return the schedule
   */
  static LearningRateSchedule linear(double peak, long warmupSteps, long totalSteps) {
    return new WarmupSchedule(WarmupSchedule.Decay.LINEAR, peak, warmupSteps, totalSteps);
  }

  /**
   * A rate that falls to 0 along half a cosine wave, as in {@code get_cosine_schedule_with_warmup}.
   *
   * @param peak the rate at the end of the warm-up, 0 or more
   * @param warmupSteps the number of warm-up steps
   * @param totalSteps the total number of steps
   * @return the schedule
   */
  static LearningRateSchedule cosine(double peak, long warmupSteps, long totalSteps) {
    return new WarmupSchedule(WarmupSchedule.Decay.COSINE, peak, warmupSteps, totalSteps);
  }

  /**
   * A rate that stays at its peak, as in {@code get_constant_schedule_with_warmup}.
   *
   * @param peak the rate at the end of the warm-up, 0 or more
   * @param warmupSteps the number of warm-up steps
   * @return the schedule
   */
  static LearningRateSchedule constant(double peak, long warmupSteps) {
    return new WarmupSchedule(WarmupSchedule.Decay.CONSTANT, peak, warmupSteps, Long.MAX_VALUE);
  }

  /**
   * The number of warm-up steps for a fraction of all steps, rounded up as in {@code
   * TrainingArguments}.
   *
   * @param fraction the fraction of all steps, from 0 to 1
   * @param totalSteps the total number of steps
   * @return the number of warm-up steps
   */
  static long warmupSteps(double fraction, long totalSteps) {
    if (!(fraction >= 0 && fraction <= 1)) {
      throw new IllegalArgumentException(
          "warm-up is " + fraction + ", expected a fraction from 0 to 1 of all steps");
    }
    return (long) Math.ceil(totalSteps * fraction);
  }
}
