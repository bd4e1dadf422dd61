package io.github.peft4j.train.pet;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.objective.Outputs;
import io.github.peft4j.transformer.loss.CrossEntropy;
import io.github.peft4j.transformer.loss.LabelLoss;
import io.github.peft4j.transformer.pass.LossTargets;
import java.util.Arrays;

/**
 * PET's loss of texts in a pattern, whose classes stand as labels at the masks.
 *
 * <p>With words of one token: (1 − α) CE(softmax over the labels' words) + α MLM. With words of
 * several tokens, as in the authors' code: the sum over wrong labels of max(0, 1 + l_right −
 * l_wrong), where l is the cross entropy of a label's tokens at the masks. If α is above 0, each
 * example is two texts: one in a pattern, and an unlabelled one with masks, whose labels are ids.
 *
 * @param alpha α, in [0, 1)
 */
record ClozeObjective(LabelTokens tokens, double alpha) implements Objective {

  private static final Kernel CROSS_ENTROPY =
      Kernel.of(
          """
          def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:   # (N, L), (N) → (N)
              at = torch.gather(torch.log_softmax(logits, -1), 1, torch.unsqueeze(labels, 1))
              return torch.neg(torch.squeeze(at, 1))
          """);
  private static final Kernel HINGE =
      Kernel.of(
          """
          def hinge(losses: Tensor, classes: Tensor) -> Tensor:          # (L, n), (n) → scalar
              right = torch.gather(losses, 0, torch.unsqueeze(classes, 0))
              margins = torch.relu(torch.add(torch.sub(right, losses), 1))
              return torch.sum(torch.sub(torch.sum(margins, 0), 1))      # less 1 for the right one
          """);

  @Override
  public NDArray loss(Outputs outputs) {
    LossTargets targets = outputs.targets();
    long[][] labels = labels(targets);
    int n = alpha > 0 ? labels.length / 2 : labels.length;
    NDArray cloze =
        tokens.areSingle()
            ? outputs.labelled(like(targets, rows(labels, 0, n))).sum(ofWords())
            : hinge(outputs, targets, labels, n);
    if (alpha == 0) {
      return cloze;
    }
    long[][] masked = rows(labels, n, labels.length);
    long count = Arrays.stream(masked).flatMapToLong(Arrays::stream).filter(this::counts).count();
    NDArray task = cloze.mul(1 - alpha);
    return count == 0
        ? task // by chance nothing was masked
        : task.add(
            outputs.labelled(like(targets, masked)).sum(CrossEntropy.PLAIN).mul(alpha * n / count));
  }

  private LabelLoss ofWords() {
    return (logits, labels) -> CROSS_ENTROPY.call(tokens.logits(logits), labels);
  }

  private NDArray hinge(Outputs outputs, LossTargets targets, long[][] labels, int n) {
    NDList losses = new NDList();
    for (long[] word : tokens.ids()) {
      long[][] at = new long[labels.length][];
      for (int b = 0; b < at.length; b++) {
        at[b] = b < n ? written(labels[b], word) : ignored(labels[b].length);
      }
      NDArray loss = outputs.labelled(like(targets, at)).sumByRow(CrossEntropy.PLAIN); // (R)
      losses.add(Ops.narrow(loss, 0, n));
    }
    long[] classes =
        Arrays.stream(labels)
            .limit(n)
            .mapToLong(row -> Arrays.stream(row).filter(this::counts).findFirst().orElseThrow())
            .toArray();
    NDArray all = NDArrays.stack(losses);
    return HINGE.call(all, all.getManager().create(classes));
  }

  /** A word's tokens at the masks of a row, from the first mask on. */
  private long[] written(long[] row, long[] word) {
    long[] at = ignored(row.length);
    int next = 0;
    for (int t = 0; t < row.length && next < word.length; t++) {
      if (counts(row[t])) {
        at[t] = word[next++];
      }
    }
    return at;
  }

  private boolean counts(long label) {
    return label != LossTargets.IGNORED;
  }

  private static long[] ignored(int length) {
    long[] row = new long[length];
    Arrays.fill(row, LossTargets.IGNORED);
    return row;
  }

  /** The labels of these rows alone. */
  private static long[][] rows(long[][] labels, int from, int to) {
    long[][] some = new long[labels.length][];
    for (int b = 0; b < some.length; b++) {
      some[b] = b >= from && b < to ? labels[b] : ignored(labels[b].length);
    }
    return some;
  }

  private static long[][] labels(LossTargets targets) {
    return targets instanceof LossTargets.NextTokens next
        ? next.tokens()
        : ((LossTargets.Tokens) targets).classes();
  }

  private static LossTargets like(LossTargets targets, long[][] labels) {
    return targets instanceof LossTargets.NextTokens
        ? new LossTargets.NextTokens(labels)
        : new LossTargets.Tokens(labels);
  }

  @Override
  public boolean takes(int texts) {
    return texts == (alpha > 0 ? 2 : 1);
  }

  @Override
  public boolean isSumOfExamples() {
    return alpha == 0;
  }

  @Override
  public double units(int examples, LossTargets.Rows labels) {
    return examples;
  }

  @Override
  public String toString() {
    return "PET over %s, MLM %s".formatted(tokens.labels(), alpha);
  }
}
