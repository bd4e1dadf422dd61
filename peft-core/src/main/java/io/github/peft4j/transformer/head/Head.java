package io.github.peft4j.transformer.head;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.transformer.block.NamedBlock;
import io.github.peft4j.transformer.loss.CrossEntropy;
import io.github.peft4j.transformer.loss.LabelLoss;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.ForwardContext;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A task head: hidden states (B, T, D) to logits, and the loss of their labels.
 *
 * <p>The loss computes {@link LabelledOutputs}, in slices.
 */
public abstract class Head extends NamedBlock {

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

  /**
   * The number of choices of a label.
   *
   * @param positions the number of hidden states of a row
   */
  public long choices(long positions) {
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
    LossTargets.Rows rows = targets(labels, pass.virtual());
    long choices = choices(hidden.getShape().get(1));
    PlacedLabels placed =
        PlacedLabels.of(hidden.getManager(), labels, rows, choices, rows.outputs());
    return new LabelledOutputs(this, hidden, placed, pass, batch, train);
  }

  /** The sum of the losses of all labels that count, by the task's own loss: a scalar. */
  public final NDArray loss(NDArray hidden, LossTargets labels, Pass pass) {
    return loss(loss(), hidden, labels, pass, null);
  }

  /**
   * The sum of the losses of all labels that count, forward and backward.
   *
   * @param hidden (B, T, D); in training a leaf that accumulates its gradient
   * @param scale factor of the gradient, a scalar: 1 / number of labels for a mean; null for no
   *     backward pass
   * @return a scalar
   */
  public final NDArray loss(
      LabelLoss loss, NDArray hidden, LossTargets labels, Pass pass, @Nullable NDArray scale) {
    return sum(loss, hidden, scale, () -> labelled(hidden, labels, pass, scale != null));
  }

  /** The same for labels that are on the device already. */
  public final NDArray loss(
      LabelLoss loss, NDArray hidden, PlacedLabels labels, Pass pass, @Nullable NDArray scale) {
    long batch = hidden.getShape().get(0);
    return sum(
        loss,
        hidden,
        scale,
        () -> new LabelledOutputs(this, hidden, labels, pass, batch, scale != null));
  }

  private static NDArray sum(
      LabelLoss loss, NDArray hidden, @Nullable NDArray scale, Supplier<LabelledOutputs> labelled) {
    try (Scope scope = new Scope()) {
      LabelledOutputs outputs = labelled.get();
      NDArray[] total = {hidden.getManager().zeros(new Shape())};
      outputs.slices(
          0, outputs.count(), slice -> total[0] = total[0].add(sum(outputs, loss, slice, scale)));
      if (scale != null) {
        outputs.backward();
      }
      return scope.keep(total[0]);
    }
  }

  private static NDArray sum(
      LabelledOutputs outputs,
      LabelLoss loss,
      LabelledOutputs.Slice slice,
      @Nullable NDArray scale) {
    try (Scope scope = new Scope()) {
      NDArray sum =
          scale == null
              ? outputs.sum(loss, slice)
              : loss.equals(CrossEntropy.PLAIN)
                  ? outputs.crossEntropy(slice, scale)
                  : recorded(outputs, loss, slice, scale);
      return scope.keep(sum);
    }
  }

  private static NDArray recorded(
      LabelledOutputs outputs, LabelLoss loss, LabelledOutputs.Slice slice, NDArray scale) {
    NDArray sum = Autograd.record(true, () -> outputs.sum(loss, slice));
    if (Autograd.requiresGradient(sum)) {
      Autograd.backward(sum, Ops.fillLike(sum, scale));
    }
    return Autograd.detach(sum);
  }

  /** The shape of the logits for an input (B, T). */
  public abstract Shape logitsShape(Shape input);
}
