package io.github.peft4j.transformer.head;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.transformer.block.NamedBlock;
import io.github.peft4j.transformer.loss.CrossEntropy;
import io.github.peft4j.transformer.loss.LabelLoss;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.ForwardContext;

/**
 * A task head: hidden states (B, T, D) to logits, and the loss of their labels.
 *
 * <p>The loss computes {@link LabelledOutputs}, in slices.
 */
public abstract class Head extends NamedBlock {

  private static final Kernel SCALE_LIKE =
      Kernel.of(
          """
          def scale_like(loss: Tensor, scale: Tensor) -> Tensor:
              return torch.mul(torch.ones_like(loss), scale)
          """);

  /** Creates a head; the name is empty, as in Hugging Face's models. */
  protected Head(String name) {
    super(name);
  }

  /** Hidden states (B, T, D) to the states that are classified: (B, D) or (B, T, D). */
  protected abstract NDArray features(NDArray hidden, Pass pass);

  /** States (…, D) to logits (…, V). */
  protected abstract NDArray project(NDArray features, ForwardContext context);

  /** The number of classes V; of a language model, the vocabulary size. */
  public abstract long classes();

  /** The labels that count, with their rows of {@link #features}. */
  public abstract LossTargets.Rows targets(LossTargets labels, long virtual);

  /**
   * The number of outputs that stand before that of the first token, among the logits of all
   * positions.
   *
   * @param virtual the number of virtual tokens in front of each row
   */
  public long before(long virtual) {
    return virtual;
  }

  /** The number of choices of a label, given the features. */
  protected long choices(NDArray features) {
    return classes();
  }

  /** Hidden states (B, T, D) to logits (B, V) or (B, T, V). */
  public NDArray logits(NDArray hidden, Pass pass) {
    return Scope.keeping(hidden, () -> project(features(hidden, pass), pass));
  }

  /** The loss of the task: cross entropy, unless labels are values. */
  public LabelLoss loss() {
    return CrossEntropy.PLAIN;
  }

  /**
   * The outputs that have a label.
   *
   * @param hidden (B, T, D); in training a leaf that accumulates its gradient
   * @param train whether to record operations for a backward pass
   * @throws IllegalArgumentException if no label counts, or one is out of range
   */
  public final LabelledOutputs labelled(
      NDArray hidden, LossTargets labels, Pass pass, boolean train) {
    long batch = hidden.getShape().get(0);
    if (labels.rows() != batch) {
      throw new IllegalArgumentException(
          "targets for " + labels.rows() + " rows, but the model computed " + batch);
    }
    LossTargets.Rows targets = targets(labels, pass.virtual());
    if (targets.outputs() == 0) {
      throw new IllegalArgumentException(
          "no label of this batch counts: every one is " + LossTargets.IGNORED);
    }
    return new LabelledOutputs(this, hidden, targets, pass, batch, train);
  }

  /** The sum of the losses of all labels that count, by the task's own loss. */
  public final NDArray loss(
      NDArray hidden, LossTargets labels, Pass pass, double scale, boolean train) {
    return loss(loss(), hidden, labels, pass, scale, train);
  }

  /**
   * The sum of the losses of all labels that count, forward and backward.
   *
   * @param hidden (B, T, D); in training a leaf that accumulates its gradient
   * @param scale factor of the gradient: 1 / number of labels for a mean
   * @param train whether to run the backward pass
   * @return a scalar
   */
  public final NDArray loss(
      LabelLoss loss, NDArray hidden, LossTargets labels, Pass pass, double scale, boolean train) {
    try (Scope scope = new Scope()) {
      LabelledOutputs outputs = labelled(hidden, labels, pass, train);
      NDArray[] total = {hidden.getManager().zeros(new Shape())};
      outputs.slices(
          0,
          outputs.count(),
          slice -> total[0] = total[0].add(sum(outputs, loss, slice, scale, train)));
      if (train) {
        outputs.backward();
      }
      return scope.keep(total[0]);
    }
  }

  private static NDArray sum(
      LabelledOutputs outputs,
      LabelLoss loss,
      LabelledOutputs.Slice slice,
      double scale,
      boolean train) {
    try (Scope scope = new Scope()) {
      NDArray sum = Autograd.record(train, () -> Ops.sum(outputs.losses(loss, slice)));
      if (train && Autograd.requiresGradient(sum)) {
        Autograd.backward(sum, SCALE_LIKE.call(sum, sum.getManager().create((float) scale)));
      }
      return scope.keep(Autograd.detach(sum));
    }
  }

  /** The shape of the logits for an input (B, T). */
  public abstract Shape logitsShape(Shape input);
}
