package io.github.peft4j.train.objective;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.AdaptedModel;
import io.github.peft4j.transformer.head.LabelledOutputs;
import io.github.peft4j.transformer.head.LabelledOutputs.Slice;
import io.github.peft4j.transformer.loss.CrossEntropy;
import io.github.peft4j.transformer.loss.LabelLoss;
import io.github.peft4j.transformer.loss.Losses;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import java.util.Arrays;
import java.util.function.Function;

/**
 * What a model computes for a batch, as an {@link Objective} sees it.
 *
 * <p>In training, results are differentiable: the gradient of the objective's loss flows through
 * them to the adapter. Logits are computed in slices of labels, twice: without recording for the
 * result, and again in the backward pass. Those of all tokens are never in memory.
 */
public final class Outputs {

  private static final Kernel SUM_BY_ROW =
      Kernel.of(
          """
          def sum_by_row(losses: Tensor, rows: Tensor, count: Tensor) -> Tensor:   # (N), (N) → (R)
              sums = torch.zeros([int(count)], dtype=losses.dtype, device=losses.device)
              return torch.index_add(sums, 0, rows, losses)
          """);

  /** All labels of a run. */
  private static final long ALL = -1;

  private final ModelRun run;
  private final LossTargets targets;
  private final long first;
  private final long count;

  private Outputs(ModelRun run, LossTargets targets, long first, long count) {
    this.run = run;
    this.targets = targets;
    this.first = first;
    this.count = count;
  }

  static Outputs all(ModelRun run) {
    return new Outputs(run, run.targets(), 0, ALL);
  }

  private LabelledOutputs labelled() {
    return run.labelled(targets);
  }

  /**
   * R, the number of rows of one copy. If k texts belong together in each of n examples, there are
   * k · n rows: the first texts of all examples, then the second texts of all, ….
   */
  public long rows() {
    return run.rows();
  }

  /**
   * One copy of the batch, if the objective asks for several.
   *
   * @param index from 0
   * @throws IllegalArgumentException if there is no such copy
   */
  public Outputs copy(int index) {
    if (index < 0 || index >= run.copies()) {
      throw new IllegalArgumentException(
          "there is no copy %d: the objective's copies() are %d".formatted(index, run.copies()));
    }
    long each = labelled().count() / run.copies();
    return new Outputs(run, targets, index * each, each);
  }

  /**
   * The same run with other labels than those of the data, for a second term of a loss.
   *
   * @param targets of one copy: as many rows as the batch has
   */
  public Outputs labelled(LossTargets targets) {
    if (targets.rows() != rows()) {
      throw new IllegalArgumentException(
          "the labels have %d rows, but the batch has %d".formatted(targets.rows(), rows()));
    }
    return new Outputs(run, targets, 0, ALL);
  }

  /** The labels of one copy. */
  public LossTargets targets() {
    return targets;
  }

  /** The same batch through the frozen model without adapters, without gradients. */
  public Outputs reference() {
    return by(run.model());
  }

  /**
   * The same batch through another model, such as a teacher, without gradients. Ids must mean the
   * same to both models.
   *
   * @throws IllegalArgumentException if the model is on another device
   */
  public Outputs by(AdaptedModel other) {
    return all(run.by(other));
  }

  /** N, the number of labels. */
  private long count() {
    return count == ALL ? labelled().count() : count;
  }

  /** The losses of the labels: (N). */
  public NDArray losses(LabelLoss loss) {
    LabelledOutputs outputs = labelled();
    return losses(slice -> outputs.losses(loss, slice));
  }

  /**
   * The losses of the labels, given their logits by another pass or model too: (N).
   *
   * @param other a {@link #copy}, the {@link #reference}, or the outputs {@link #by} another model
   * @throws IllegalArgumentException if other labels count there
   */
  public NDArray losses(Outputs other, PairLoss loss) {
    if (other.count() != count()) {
      throw new IllegalArgumentException(
          "%d labels count here, but %d in the other outputs: both models need the same task and"
                  .formatted(count(), other.count())
              + " as many virtual tokens");
    }
    LabelledOutputs ours = labelled();
    LabelledOutputs theirs = other.labelled();
    return losses(
        slice ->
            loss.of(
                Losses.floats(ours.logits(slice)),
                Losses.floats(theirs.logits(other.same(slice, first))),
                ours.targets(slice)));
  }

  private Slice same(Slice slice, long start) {
    return new Slice(slice.start() - start + first, slice.count());
  }

  private NDArray losses(Function<Slice, NDArray> function) {
    return run.losses(labelled(), first, count(), function);
  }

  /** The sum of the losses of the labels: a scalar. */
  public NDArray sum(LabelLoss loss) {
    return Ops.sum(losses(loss));
  }

  /** The sum of the losses of the labels, given their logits by another pass or model too. */
  public NDArray sum(Outputs other, PairLoss loss) {
    return Ops.sum(losses(other, loss));
  }

  /** The sum of the losses of each row's labels: (R). */
  public NDArray sumByRow(LabelLoss loss) {
    return byRow(losses(loss));
  }

  /** The log probability of each row's labels: (R). */
  public NDArray logProbabilities() {
    return sumByRow(CrossEntropy.PLAIN).neg();
  }

  /** The number of labels of each row: [R]. */
  public long[] labels() {
    long[] labels = new long[(int) rows()];
    Arrays.stream(rowOf()).forEach(row -> labels[(int) row]++);
    return labels;
  }

  private long[] rowOf() {
    int from = (int) first;
    long[] rows = Arrays.copyOfRange(labelled().rowOf(), from, from + (int) count());
    return Arrays.stream(rows).map(row -> row % rows()).toArray();
  }

  private NDArray byRow(NDArray losses) {
    NDArray rows = losses.getManager().create(rowOf());
    return SUM_BY_ROW.call(losses, rows, Tensors.scalar(rows()));
  }

  /** The last hidden states of all copies (c · R, n + T, D), in the model's precision. */
  public NDArray hidden() {
    return run.hidden();
  }

  /** The pass that computed the states; it knows the mask of the batch. */
  public Pass pass() {
    return run.pass();
  }

  /**
   * The input's ids of one copy [R][T], {@link LossTargets#IGNORED} for padding: labels of a
   * language model that learns all tokens.
   */
  public long[][] ids() {
    ModelInput input = run.input();
    int width = (int) input.ids().getShape().get(1);
    long[] ids = input.ids().toLongArray();
    long[] mask = input.mask() == null ? null : input.mask().toLongArray();
    long[][] rows = new long[(int) rows()][width];
    for (int i = 0; i < ids.length; i++) {
      rows[i / width][i % width] = mask == null || mask[i] == 1 ? ids[i] : LossTargets.IGNORED;
    }
    return rows;
  }

  /** The input of one copy. */
  public ModelInput input() {
    return run.input();
  }

  /**
   * Reports a number. Listeners, logs and evaluations show it beside the loss.
   *
   * @param name such as {@code rewards/margins}
   * @param sum its sum over the units of the batch: a scalar
   */
  public void report(String name, NDArray sum) {
    run.report(name, sum);
  }
}
