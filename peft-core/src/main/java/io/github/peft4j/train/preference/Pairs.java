package io.github.peft4j.train.preference;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.train.objective.Outputs;
import java.util.List;

/** What the objectives of pairs have in common: rows in pairs, and what they report. */
final class Pairs {

  /** The reported numbers of which more is better. */
  static final List<String> MEASURES = List.of("rewards/accuracies", "rewards/margins");

  private static final Kernel REWARDS =
      Kernel.of(
          """
          def rewards(logs: Tensor, ratios: Tensor) -> List[Tensor]:           # (2, n), (2, n) → scalars
              rewards = {beta} * ratios
              chosen = torch.select(rewards, 0, 0)
              rejected = torch.select(rewards, 0, 1)
              return [torch.sum(chosen), torch.sum(rejected),
                      torch.sum(torch.gt(chosen, rejected)), torch.sum(chosen - rejected),
                      torch.sum(torch.select(logs, 0, 0)), torch.sum(torch.select(logs, 0, 1))]
          """);
  private static final List<String> NAMES =
      List.of(
          "rewards/chosen",
          "rewards/rejected",
          "rewards/accuracies",
          "rewards/margins",
          "logps/chosen",
          "logps/rejected");

  private Pairs() {}

  /** Numbers of the rows of a batch (2n) as numbers of chosen and rejected answers (2, n). */
  static NDArray of(NDArray rows) {
    if (rows.size() % 2 != 0) {
      throw new IllegalArgumentException(
          "a batch of %d rows is none of pairs; expected the chosen answers and then as many rejected ones"
              .formatted(rows.size()));
    }
    return rows.reshape(2, rows.size() / 2);
  }

  /** The number of labels of each answer (2, n). */
  static NDArray labels(Outputs outputs, NDArray logs) {
    return logs.getManager().create(outputs.labels(), new Shape(2, outputs.rows() / 2));
  }

  /**
   * Reports rewards under TRL's names.
   *
   * @param logs log probabilities of the answers (2, n)
   * @param ratios what β makes rewards of (2, n)
   */
  static void report(Outputs outputs, NDArray logs, NDArray ratios, double beta) {
    Kernel rewards = REWARDS.with("beta", beta);
    NDList sums = Autograd.without(() -> rewards.callForAll(logs, ratios));
    for (int i = 0; i < NAMES.size(); i++) {
      outputs.report(NAMES.get(i), sums.get(i));
    }
  }

  static double positive(double beta) {
    if (!(beta > 0) || !Double.isFinite(beta)) {
      throw new IllegalArgumentException("beta is " + beta + ", expected a finite number above 0");
    }
    return beta;
  }
}
