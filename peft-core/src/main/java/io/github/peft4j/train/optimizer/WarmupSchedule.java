package io.github.peft4j.train.optimizer;

/** A linear warm-up, followed by a {@link Decay}. */
record WarmupSchedule(Decay decay, double peak, long warmupSteps, long totalSteps)
    implements LearningRateSchedule {

  enum Decay {
    LINEAR,
    COSINE,
    CONSTANT
  }

  WarmupSchedule {
    if (!(peak >= 0) || Double.isInfinite(peak)) {
      throw new IllegalArgumentException("learning rate is " + peak + ", expected 0 or more");
    }
    if (warmupSteps < 0 || warmupSteps > totalSteps) {
      throw new IllegalArgumentException(
          "%d warm-up steps, but %d steps in all: expected from 0 to as many"
              .formatted(warmupSteps, totalSteps));
    }
  }

  @Override
  public double rate(long step) {
    if (step < warmupSteps) {
      return peak * step / warmupSteps;
    }
    double left = Math.max(0, totalSteps - step) / (double) Math.max(1, totalSteps - warmupSteps);
    return switch (decay) {
      case LINEAR -> peak * left;
      case COSINE -> peak * 0.5 * (1 + Math.cos(Math.PI * (1 - left)));
      case CONSTANT -> peak;
    };
  }
}
