package io.github.peft4j.methods.adamix;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.objective.Outputs;
import io.github.peft4j.transformer.loss.CrossEntropy;
import io.github.peft4j.transformer.loss.LabelLoss;

/**
 * The objective of AdaMix: two passes over a batch, by different routes, are to agree. It is the
 * loss of the first pass, and for each label the symmetric divergence of both passes' predictions p
 * and q:
 *
 * <pre>loss(p) + w/2 (KL(p̄ ‖ q) + KL(q̄ ‖ p))</pre>
 *
 * <p>A bar marks a constant: as in the authors' code, each pass learns from the other as it is.
 *
 * <pre>{@code
 * FineTuner.of(model).objective(Consistency.ofWeight(1))
 * }</pre>
 *
 * @param loss of the first pass, for labels that are classes or tokens
 * @param weight w, 0 or more: 1 in the authors' code for classes, 100 for texts
 */
public record Consistency(LabelLoss loss, double weight) implements Objective {

  private static final Kernel DIVERGENCE =
      Kernel.of(
          """
          def kl(p: Tensor, log_p: Tensor, log_q: Tensor) -> Tensor:       # (N, V) → (N)
              return torch.sum(torch.mul(p, torch.add(log_p, log_q, alpha=-1)), [-1])

          def divergence(x: Tensor, y: Tensor) -> Tensor:                  # logits (N, V) → (N)
              p = torch.log_softmax(x, -1)
              q = torch.log_softmax(y, -1)
              fixed_p = torch.detach(p)
              fixed_q = torch.detach(q)
              both = torch.add(kl(torch.exp(fixed_p), fixed_p, q), kl(torch.exp(fixed_q), fixed_q, p))
              return torch.mul(both, {half})
          """);

  /** Checks the values. */
  public Consistency {
    if (!(weight >= 0) || !Double.isFinite(weight)) {
      throw new IllegalArgumentException(
          "the weight of Consistency is " + weight + "; expected a number of 0 or more");
    }
  }

  /** Cross entropy, with this weight of the divergence. */
  public static Consistency ofWeight(double weight) {
    return new Consistency(CrossEntropy.PLAIN, weight);
  }

  @Override
  public int copies() {
    return 2;
  }

  @Override
  public NDArray loss(Outputs outputs) {
    Outputs first = outputs.copy(0);
    Kernel divergence = DIVERGENCE.with("half", weight / 2);
    NDArray apart =
        first.sum(outputs.copy(1), (logits, others, labels) -> divergence.call(logits, others));
    outputs.report("divergence", apart);
    return first.sum(loss).add(apart);
  }

  @Override
  public String toString() {
    return loss + ", and two routes that agree by weight " + weight;
  }
}
