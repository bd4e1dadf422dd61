package io.github.peft4j.train.objective;

import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.loss.LabelLoss;

/**
 * How many labels a model predicts: those whose logit is the largest.
 *
 * @param right the number of labels that are predicted
 * @param labels the number of all labels
 */
public record Hits(long right, long labels) {

  /** Nothing was counted. */
  public static final Hits NONE = new Hits(0, 0);

  private static final Kernel PREDICTED =
      Kernel.of(
          """
          def predicted(logits: Tensor, targets: Tensor) -> Tensor:       # (N, V), (N) → (N)
              return torch.eq(torch.argmax(logits, -1), targets).to(6)
          """);
  private static final LabelLoss HIT = (logits, targets) -> PREDICTED.call(logits, targets);

  /** The hits of a run. Logits are computed in slices of labels. */
  public static Hits of(ModelRun run) {
    Outputs outputs = Outputs.all(run);
    float[] hits = Autograd.without(() -> Tensors.floats(outputs.losses(HIT)));
    int right = 0;
    for (float hit : hits) {
      right += hit > 0 ? 1 : 0;
    }
    return new Hits(right, hits.length);
  }

  /** The hits of both. */
  public Hits and(Hits other) {
    return new Hits(right + other.right, labels + other.labels);
  }

  /** The share of the labels that are predicted, 0 to 1; NaN without labels. */
  public double accuracy() {
    return (double) right / labels;
  }
}
