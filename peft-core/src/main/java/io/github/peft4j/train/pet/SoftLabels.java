package io.github.peft4j.train.pet;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.objective.Outputs;
import io.github.peft4j.transformer.pass.LossTargets;

/**
 * A classifier learns the labels' logits that others gave: T² KL(softmax(taught / T) ‖ softmax(its
 * own / T)), the mean over texts (Hinton et al. 2015, arXiv:1503.02531). The examples' values are
 * the logits.
 *
 * @param temperature T, above 0; 2 in PET
 */
public record SoftLabels(double temperature) implements Objective {

  private static final Kernel DIVERGENCE =
      Kernel.of(
          """
          def divergence(logits: Tensor, taught: Tensor) -> Tensor:      # (N, L), (N, L) → (N)
              q = torch.log_softmax(torch.div(logits, {t}), -1)
              p = torch.log_softmax(torch.div(taught, {t}), -1)
              return torch.mul(torch.sum(torch.mul(torch.exp(p), torch.sub(p, q)), -1), {t} * {t})
          """);

  /** Checks the temperature. */
  public SoftLabels {
    if (!(temperature > 0) || temperature == Double.POSITIVE_INFINITY) {
      throw new IllegalArgumentException(
          "temperature is " + temperature + "; expected a number above 0, such as 2");
    }
  }

  @Override
  public NDArray loss(Outputs outputs) {
    return outputs.sum((logits, taught) -> divergence(logits, taught, temperature));
  }

  /** The divergences (N) of logits (N, L). */
  static NDArray divergence(NDArray logits, NDArray taught, double temperature) {
    return DIVERGENCE.with("t", temperature).call(logits, taught);
  }

  @Override
  public boolean isSumOfExamples() {
    return true;
  }

  @Override
  public double units(int examples, LossTargets.Rows labels) {
    return examples;
  }

  @Override
  public String toString() {
    return "soft labels at temperature " + temperature;
  }
}
