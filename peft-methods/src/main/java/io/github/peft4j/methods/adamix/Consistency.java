package io.github.peft4j.methods.adamix;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.objective.Outputs;
import io.github.peft4j.transformer.pass.LossTargets;

/**
 * Two passes over a batch, by different routes, are to agree. It is the loss of the first pass, and
 * for each label the symmetric divergence of both passes' predictions p and q:
 *
 * <pre>loss(p) + w/2 (KL(p̄ ‖ q) + KL(q̄ ‖ p))</pre>
 *
 * <p>A bar marks a constant: as in the authors' code, each pass learns from the other as it is.
 *
 * @param ofTask the loss of a pass
 * @param weight w, above 0
 */
record Consistency(Objective ofTask, double weight) implements Objective {

  private static final Kernel DIVERGENCE =
      Kernel.of(
          """
          def kl(p: Tensor, q: Tensor) -> Tensor:                     # of logarithms (N, V) → (N)
              fixed = torch.detach(p)
              return torch.sum(torch.mul(torch.exp(fixed), torch.add(fixed, q, alpha=-1)), [-1])

          def divergence(x: Tensor, y: Tensor) -> Tensor:             # of logits (N, V) → (N)
              p = torch.log_softmax(x, -1)
              q = torch.log_softmax(y, -1)
              return torch.mul(torch.add(kl(p, q), kl(q, p)), {half})
          """);

  @Override
  public int copies() {
    return 2;
  }

  /** All passes but a training's take the mean of the experts: two would be one. */
  @Override
  public Objective inEvaluation() {
    return ofTask.inEvaluation();
  }

  @Override
  public NDArray loss(Outputs outputs) {
    Outputs first = outputs.copy(0);
    Kernel divergence = DIVERGENCE.with("half", weight / 2);
    NDArray apart =
        first.sum(outputs.copy(1), (logits, others, labels) -> divergence.call(logits, others));
    outputs.report("divergence", apart);
    return ofTask.loss(first).add(apart);
  }

  @Override
  public boolean isSumOfExamples() {
    return ofTask.isSumOfExamples();
  }

  @Override
  public double units(int examples, LossTargets.Rows labels) {
    return ofTask.units(examples, labels);
  }

  @Override
  public void check(EncodedDataset data) {
    ofTask.check(data);
  }

  @Override
  public boolean readsLabels() {
    return ofTask.readsLabels();
  }

  @Override
  public String toString() {
    return ofTask + ", and two routes that agree by weight " + weight;
  }
}
