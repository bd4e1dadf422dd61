package io.github.peft4j.transformer.head;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.block.NamedBlock;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.ForwardContext;
import java.util.Arrays;

/**
 * A task head: hidden states (B, T, D) to logits, and the loss.
 *
 * <p>Forward and backward passes of the loss run over slices of rows, so that the full logits
 * (tokens × vocabulary, in 32 bits) are never in memory. Rows without a label are not computed.
 */
public abstract class Head extends NamedBlock {

  /** The size of one slice's 32-bit logits: small compared to a model, large enough for a GPU. */
  private static final long SLICE_BYTES = 256L << 20;

  private static final Kernel CROSS_ENTROPY =
      Kernel.of(
          """
          def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:   # (N, V), (N) → sum
              dtype = 6
              if logits.dtype == 7:
                  dtype = 7
              return torch.nll_loss_nd(torch.log_softmax(logits, -1, dtype), targets, None, 2, -100)
          """);
  private static final Kernel SELECT =
      Kernel.of(
          """
          def select(x: Tensor, rows: Tensor) -> Tensor:                  # (…, D), (N) → (N, D)
              return torch.index_select(torch.reshape(x, [-1, torch.size(x, -1)]), 0, rows)
          """);
  private static final Kernel SLICE =
      Kernel.of(
          """
          def slice(x: Tensor, start: Tensor, count: Tensor) -> Tensor:
              return torch.narrow(x, 0, int(start), int(count))
          """);
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

  /** The number of choices of a label, given the features. */
  protected long choices(NDArray features) {
    return classes();
  }

  /** Hidden states (B, T, D) to logits (B, V) or (B, T, V). */
  public NDArray logits(NDArray hidden, Pass pass) {
    return Scope.keeping(hidden, () -> project(features(hidden, pass), pass));
  }

  /**
   * The sum of the cross entropies of all labels that count, forward and backward.
   *
   * @param hidden (B, T, D); in training a leaf that accumulates its gradient
   * @param scale factor of the gradient: 1 / number of labels for a mean
   * @param train whether to run the backward pass
   * @return a scalar
   */
  public final NDArray loss(
      NDArray hidden, LossTargets labels, Pass pass, double scale, boolean train) {
    NDManager manager = hidden.getManager();
    long batch = hidden.getShape().get(0);
    if (labels.rows() != batch) {
      throw new IllegalArgumentException(
          "targets for " + labels.rows() + " rows, but the model computed " + batch);
    }
    LossTargets.Rows targets = targets(labels, pass.virtual());
    if (targets.count() == 0) {
      throw new IllegalArgumentException(
          "no label of this batch counts: every one is " + LossTargets.IGNORED);
    }
    try (Scope scope = new Scope()) {
      NDArray rows = manager.create(targets.rows());
      NDArray classes = manager.create(targets.classes());
      NDArray features = Autograd.record(train, () -> features(hidden, pass));
      checkRange(targets, choices(features));
      long[] rowOf = targets.batchRows(rowsOf(features) / batch);
      NDArray selected = Autograd.record(train, () -> SELECT.call(features, rows));
      NDArray leaf = train ? Autograd.leaf(selected) : selected;
      long slice = Math.max(1, SLICE_BYTES / (4 * choices(features)));
      NDArray total = manager.zeros(new Shape());
      for (long start = 0; start < targets.count(); start += slice) {
        long from = start;
        long count = Math.min(slice, targets.count() - start);
        long[] part = Arrays.copyOfRange(rowOf, (int) from, (int) (from + count));
        ForwardContext those = pass.of(pass.rows().standingFor(part, batch));
        total = total.add(slice(leaf, classes, from, count, scale, train, those));
      }
      if (train && Autograd.requiresGradient(selected)) {
        NDArray gradient = Autograd.gradient(leaf);
        if (gradient != null) {
          Autograd.backward(selected, gradient);
        }
      }
      return scope.keep(total);
    }
  }

  /** The number of states: the product of all dimensions except the last. */
  private static long rowsOf(NDArray features) {
    Shape shape = features.getShape();
    return shape.size() / shape.get(shape.dimension() - 1);
  }

  private NDArray slice(
      NDArray leaf,
      NDArray classes,
      long start,
      long count,
      double scale,
      boolean train,
      ForwardContext context) {
    NDManager manager = leaf.getManager();
    try (Scope scope = new Scope()) {
      NDArray from = Tensors.scalar(start);
      NDArray number = Tensors.scalar(count);
      NDArray loss =
          Autograd.record(
              train,
              () ->
                  CROSS_ENTROPY.call(
                      project(SLICE.call(leaf, from, number), context),
                      SLICE.call(classes, from, number)));
      if (train && Autograd.requiresGradient(loss)) {
        Autograd.backward(loss, SCALE_LIKE.call(loss, manager.create((float) scale)));
      }
      return scope.keep(Autograd.detach(loss));
    }
  }

  private static void checkRange(LossTargets.Rows targets, long choices) {
    for (long label : targets.classes()) {
      if (label < 0 || label >= choices) {
        throw new IllegalArgumentException(
            "label "
                + label
                + " is out of range: the model has "
                + choices
                + " classes, 0 to "
                + (choices - 1)
                + "; load the model with as many labels as the data has");
      }
    }
  }

  /** The shape of the logits for an input (B, T). */
  public abstract Shape logitsShape(Shape input);
}
