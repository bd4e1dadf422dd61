package io.github.peft4j.tuner.training;

/**
 * The learning rate and weight decay of a tensor, as in PyTorch's {@code param_groups}.
 *
 * @param learningRate the peak rate, 0 or more; it follows the run's schedule
 * @param weightDecay decoupled weight decay, 0 or more
 */
public record ParameterGroup(double learningRate, double weightDecay) {

  /** Checks the values. */
  public ParameterGroup {
    if (!(learningRate >= 0) || !(weightDecay >= 0)) {
      throw new IllegalArgumentException(
          "learning rate "
              + learningRate
              + " and weight decay "
              + weightDecay
              + " of a tensor are to be 0 or more");
    }
  }

  @Override
  public String toString() {
    return "learning rate %s and weight decay %s".formatted(learningRate, weightDecay);
  }
}
