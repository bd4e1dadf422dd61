package io.github.peft4j.train.objective;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.transformer.loss.LabelLoss;
import io.github.peft4j.transformer.pass.LossTargets;
import java.util.Arrays;
import java.util.Optional;

/** See {@link Objective#of}. */
record SumOfLabels(LabelLoss loss) implements Objective {

  @Override
  public NDArray loss(Outputs outputs) {
    return outputs.sum(loss);
  }

  @Override
  public double units(int examples, LossTargets.Rows labels) {
    return labels.values().length > 0
        ? labels.count()
        : Arrays.stream(labels.classes()).mapToDouble(loss::units).sum();
  }

  @Override
  public Optional<LabelLoss> perLabel() {
    return Optional.of(loss);
  }

  @Override
  public String toString() {
    return loss.toString();
  }
}
