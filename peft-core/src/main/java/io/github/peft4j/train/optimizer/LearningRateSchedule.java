package io.github.peft4j.train.optimizer;

/**
 * The learning rate of each step. The schedules here are those of Hugging Face transformers: the
 * rate rises from 0 in equal steps until the warm-up ends, and then falls or stays.
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
   * Falls in a straight line to 0 at the last step's end, as {@code
   * get_linear_schedule_with_warmup}.
   *
   * @param peak the rate when the warm-up ends
   * @param warmupSteps the number of steps until then
   * @param totalSteps the number of steps in all
   * @return the schedule
   */
  static LearningRateSchedule linear(double peak, long warmupSteps, long totalSteps) {
    return new WarmupSchedule(WarmupSchedule.Decay.LINEAR, peak, warmupSteps, totalSteps);
  }

  /**
   * Falls to 0 along half a cosine wave, as {@code get_cosine_schedule_with_warmup}.
   *
   * @param peak the rate when the warm-up ends
   * @param warmupSteps the number of steps until then
   * @param totalSteps the number of steps in all
   * @return the schedule
   */
  static LearningRateSchedule cosine(double peak, long warmupSteps, long totalSteps) {
    return new WarmupSchedule(WarmupSchedule.Decay.COSINE, peak, warmupSteps, totalSteps);
  }

  /**
   * Stays at its peak, as {@code get_constant_schedule_with_warmup}.
   *
   * @param peak the rate when the warm-up ends
   * @param warmupSteps the number of steps until then
   * @return the schedule
   */
  static LearningRateSchedule constant(double peak, long warmupSteps) {
    return new WarmupSchedule(WarmupSchedule.Decay.CONSTANT, peak, warmupSteps, Long.MAX_VALUE);
  }

  /**
   * The length of a warm-up given as a fraction, rounded up as {@code TrainingArguments} does.
   *
   * @param fraction the fraction of all steps, from 0 to 1
   * @param totalSteps the number of steps in all
   * @return the number of steps
   */
  static long warmupSteps(double fraction, long totalSteps) {
    if (!(fraction >= 0 && fraction <= 1)) {
      throw new IllegalArgumentException(
          "warm-up is " + fraction + ", expected a fraction from 0 to 1 of all steps");
    }
    return (long) Math.ceil(totalSteps * fraction);
  }
}
