package io.github.peft4j.train.objective;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.data.batch.EncodedExample;
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
  public void check(EncodedDataset data) {
    if (data.examples().stream().anyMatch(e -> e.alignment() == EncodedExample.Alignment.NONE)) {
      throw new IllegalArgumentException(
          "the examples are texts that belong together, without labels, but the loss is that of"
              + " labels ("
              + this
              + "): call objective(…) with a loss of vectors, such as new"
              + " MultipleNegativesRankingLoss() for anchors with positives or new CoSentLoss() for"
              + " pairs with scores");
    }
    Objective.super.check(data);
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
