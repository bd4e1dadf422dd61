package io.github.peft4j.transformer.head;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.loss.CrossEntropy;
import io.github.peft4j.transformer.loss.LabelLoss;
import io.github.peft4j.transformer.loss.Losses;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.ForwardContext;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The outputs of a head that have a label, N of a batch's. Their logits are computed in slices, so
 * that those of all (tokens × vocabulary, in 32 bits) are never in memory. Outputs without a label
 * are not computed.
 *
 * <p>In training, the gradients of slices add up in one array of states; {@link #backward} passes
 * them on to the hidden states.
 */
public final class LabelledOutputs {

  /** The size of one slice's 32-bit logits: small compared to a model, large enough for a GPU. */
  private static final long SLICE_BYTES = 256L << 20;

  private static final Kernel SELECT =
      Kernel.of(
          """
          def select(x: Tensor, rows: Tensor) -> Tensor:                  # (…, D), (N) → (N, D)
              return torch.index_select(torch.reshape(x, [-1, torch.size(x, -1)]), 0, rows)
          """);

  private static final Kernel SUM_OF_LABELS =
      Kernel.of(
              """
          def sum_of_labels(losses: Tensor, targets: Tensor) -> Tensor:   # (N), (N) → ()
              return torch.sum(torch.masked_fill(losses, torch.eq(targets, {ignored}), 0))
          """)
          .with("ignored", LossTargets.IGNORED);

  private final Head head;
  private final Pass pass;
  private final long batch;
  private final long choices;
  private final long[] rowOf;
  private final NDArray targets;
  private final boolean isFilledUp;
  private final NDArray selected;
  private final NDArray states;
  private final boolean train;

  /** Whether the head computes without layers. */
  private final boolean byKernels;

  /** The states of the slices that are worked on, which are read for a backward pass. */
  private final Map<Slice, NDArray> leaves = new LinkedHashMap<>();

  /** The gradient of the states of the slice that is worked on, if kernels have computed it. */
  private @Nullable NDArray arrived;

  /** The gradient of all states (N, D), once that of a slice has arrived. */
  private @Nullable NDArray gradient;

  /**
   * Some consecutive outputs.
   *
   * @param start the first of them, from 0
   * @param count their number
   */
  public record Slice(long start, long count) {}

  /** Work on a slice. */
  @FunctionalInterface
  public interface Work {
    /** Does the work. */
    void on(Slice slice);
  }

  LabelledOutputs(
      Head head, NDArray hidden, PlacedLabels labels, Pass pass, long batch, boolean train) {
    this.head = head;
    this.pass = pass;
    this.batch = batch;
    NDArray features = Autograd.record(train, () -> head.features(hidden, pass));
    this.choices = head.choices(hidden.getShape().get(1));
    this.rowOf = Arrays.copyOf(labels.rows().batchRows(outputs(features) / batch), labels.size());
    this.targets = labels.targets();
    this.isFilledUp = labels.isFilledUp();
    this.selected = Autograd.record(train, () -> SELECT.call(features, labels.outputs()));
    this.states = Autograd.detach(selected);
    this.train = train;
    this.byKernels = Tape.isByKernels() && pass.adapters().leaveAlone(head.sites());
  }

  /** The number of states: the product of all dimensions except the last. */
  private static long outputs(NDArray features) {
    return features.getShape().size()
        / features.getShape().get(features.getShape().dimension() - 1);
  }

  /** N, the number of outputs with a label. */
  public long count() {
    return rowOf.length;
  }

  /** The row of the batch of each output: [N], in ascending order. */
  public long[] rowOf() {
    return rowOf.clone();
  }

  /**
   * Does work on slices of the outputs, one after the other.
   *
   * @param start the first output
   * @param count the number of outputs
   */
  public void slices(long start, long count, Work work) {
    long size = Long.highestOneBit(Math.max(1, SLICE_BYTES / (4 * choices))); // fills tiles
    for (long from = start; from < start + count; from += size) {
      Slice slice = new Slice(from, Math.min(size, start + count - from));
      try {
        work.on(slice);
        leaves.forEach(this::collect);
        add(slice, arrived);
      } finally {
        leaves.values().forEach(NDArray::close);
        leaves.clear();
        if (arrived != null) {
          arrived.close();
          arrived = null;
        }
      }
    }
  }

  private void collect(Slice slice, NDArray leaf) {
    try (NDArray ofLeaf = Autograd.gradient(leaf)) {
      add(slice, ofLeaf);
    }
  }

  /** Adds the gradient of a slice's states to that of all. */
  private void add(Slice slice, @Nullable NDArray some) {
    if (some != null) {
      NDArray all = gradient;
      if (all == null) {
        all = gradient = Tensors.zerosLike(states);
      }
      try (NDArray part = cut(all, slice)) {
        part.addi(some);
      }
    }
  }

  /** The logits of a slice (n, V), in the model's precision. */
  public NDArray logits(Slice slice) {
    return project(states(slice), slice);
  }

  private NDArray project(NDArray states, Slice slice) {
    long[] part =
        Arrays.copyOfRange(rowOf, (int) slice.start(), (int) (slice.start() + slice.count()));
    ForwardContext those = pass.of(pass.rows().standingFor(part, batch));
    return head.project(states, those);
  }

  /** The states of a slice (n, D). In a backward pass each slice has a leaf of its own. */
  private NDArray states(Slice slice) {
    if (!train || !Autograd.isRecording()) {
      return cut(states, slice);
    }
    return leaves.computeIfAbsent(slice, those -> Scope.release(Autograd.leaf(cut(states, those))));
  }

  /** The targets of a slice: classes (n) as 64-bit integers, or values (n, V) in 64 bits. */
  public NDArray targets(Slice slice) {
    return cut(targets, slice);
  }

  /** The losses of a slice (n). */
  public NDArray losses(LabelLoss loss, Slice slice) {
    return Losses.of(loss, logits(slice), targets(slice));
  }

  /** The sum of the losses of a slice: a scalar. */
  NDArray sum(LabelLoss loss, Slice slice) {
    NDArray losses = losses(loss, slice);
    return isFilledUp ? SUM_OF_LABELS.call(losses, targets(slice)) : Ops.sum(losses);
  }

  /**
   * The sum of the plain cross entropies of a slice, forward and backward: a scalar. Logits are not
   * kept beside their gradient.
   *
   * @param scale factor of the gradient, a scalar
   */
  NDArray crossEntropy(Slice slice, NDArray scale) {
    return byKernels ? byKernels(slice, scale) : byGraph(slice, scale);
  }

  /** A layer's derivative could read the logits; those of heads do not. */
  private NDArray byKernels(Slice slice, NDArray scale) {
    NDArray x = cut(states, slice);
    try (Tape.Segment logits = new Tape.Segment(x, some -> project(some, slice))) {
      NDArray gradient = logits.output() == x ? x.duplicate() : Autograd.detach(logits.output());
      NDArray losses = inPlace(gradient, slice, scale);
      arrived = logits.backward(gradient);
      return Ops.sum(losses);
    }
  }

  private NDArray byGraph(Slice slice, NDArray scale) {
    NDArray logits = Autograd.record(true, () -> logits(slice));
    boolean trains = Autograd.requiresGradient(logits);
    NDArray gradient =
        logits == leaves.get(slice) ? Autograd.without(logits::duplicate) : Autograd.detach(logits);
    NDArray losses = inPlace(gradient, slice, scale);
    if (trains) {
      Autograd.backward(logits, gradient);
    }
    return Ops.sum(losses);
  }

  private NDArray inPlace(NDArray logits, Slice slice, NDArray scale) {
    NDArray factor =
        logits.getDataType() == DataType.FLOAT64 ? scale : Tensors.cast(scale, Precision.FLOAT32);
    return CrossEntropy.inPlace(logits, targets(slice), factor);
  }

  private static NDArray cut(NDArray x, Slice slice) {
    return Ops.narrow(x, slice.start(), slice.count());
  }

  /** Passes the gradient of all slices on to the hidden states. */
  public void backward() {
    if (gradient != null && Autograd.requiresGradient(selected)) {
      Autograd.backward(selected, gradient);
    }
  }
}
