package io.github.peft4j.train.optimizer;

/**
 * How a tensor is trained: what PyTorch's {@code param_groups} say of it.
 *
 * @param learningRate the highest; it rises and falls with the run's schedule. 0 or more
 * @param weightDecay decoupled, 0 or more
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
}
