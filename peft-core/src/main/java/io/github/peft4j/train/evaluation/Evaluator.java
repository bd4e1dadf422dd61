package io.github.peft4j.train.evaluation;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.TextModel;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.ByLength;
import io.github.peft4j.data.batch.Collator;
import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.Pass;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Measures a model on data: loss, accuracy and macro F1 of a classifier, loss and perplexity of a
 * language model. Losses are means over all labels.
 */
public final class Evaluator {

  private static final Logger LOG = LoggerFactory.getLogger(Evaluator.class);

  private final TextModel model;
  private final Collator collator;
  private final int rows;
  private final long tokens;
  private final int maxLength;

  /**
   * Creates an evaluator.
   *
   * @param batchSize rows of a batch, 1 or more
   * @param maxLength the most tokens of an example, 1 or more. Longer examples are cut, and a
   *     warning counts them
   */
  public Evaluator(TextModel model, int batchSize, int maxLength) {
    this(model, batchSize, Long.MAX_VALUE, maxLength);
  }

  /**
   * Creates an evaluator.
   *
   * @param rows the most rows of a batch
   * @param tokens the most tokens of a batch, padding included. A longer example is a batch of its
   *     own
   */
  public Evaluator(TextModel model, int rows, long tokens, int maxLength) {
    this.model = model;
    this.rows = rows;
    this.tokens = tokens;
    this.maxLength = maxLength;
    this.collator = new Collator(model.base().padId(model.tokenizer().padId()));
  }

  /** Measures the model, with its active adapters, on examples. */
  public Metrics evaluate(Examples<?> examples) {
    EncodedDataset data = BatchFeed.encode(model, examples, maxLength);
    long room = model.room();
    Truncated truncated = Truncated.of(data, (int) Math.min(maxLength, room));
    if (!truncated.isNone()) {
      LOG.warn(truncated.warning("evaluation", room));
    }
    return evaluate(data, () -> false).orElseThrow();
  }

  /**
   * Measures the model, unless it is asked to give up.
   *
   * @param givesUp asked before each batch
   * @return nothing if it gave up
   */
  public Optional<Metrics> evaluate(EncodedDataset data, BooleanSupplier givesUp) {
    try (ModelCall call = model.newCall()) {
      return evaluate(data, givesUp, call);
    }
  }

  private Optional<Metrics> evaluate(EncodedDataset data, BooleanSupplier givesUp, ModelCall call) {
    TransformerModel base = model.base();
    boolean classifies = base.task().type() == Task.Type.SEQ_CLS;
    ConfusionMatrix confusion =
        new ConfusionMatrix(Math.max(1, classifies ? base.task().labels().size() : 1));
    double loss = 0;
    long count = 0;
    for (int[] chosen : batches(data)) {
      if (givesUp.getAsBoolean()) {
        return Optional.empty();
      }
      Batch batch = collator.collate(data.select(chosen));
      LossTargets targets = targets(batch, call);
      long labels = base.count(targets, call.adapters());
      if (labels == 0) {
        continue;
      }
      try (Scope scope = new Scope();
          Pass pass = call.pass()) {
        NDArray hidden = base.hidden(BatchFeed.input(base, batch), pass);
        loss += loss(hidden, targets, pass);
        count += labels;
        if (classifies) {
          NDArray logits = Autograd.without(() -> base.head().logits(hidden, pass));
          count(confusion, Tensors.floats(logits), ((LossTargets.Classes) targets).classes());
        }
      }
    }
    double mean = loss / Math.max(1, count);
    return Optional.of(
        classifies ? Metrics.ofClassifier(mean, confusion) : Metrics.ofLanguageModel(mean));
  }

  /** Whether the loss of a batch is finite. A batch without labels counts as finite. */
  public boolean isFinite(Batch batch) {
    TransformerModel base = model.base();
    try (ModelCall call = model.newCall();
        Scope scope = new Scope();
        Pass pass = call.pass()) {
      LossTargets targets = targets(batch, call);
      if (call.count(targets) == 0) {
        return true;
      }
      NDArray hidden = base.hidden(BatchFeed.input(base, batch), pass);
      return Double.isFinite(loss(hidden, targets, pass));
    }
  }

  /** The sum of the labels' losses. */
  private double loss(NDArray hidden, LossTargets targets, Pass pass) {
    return Autograd.without(
        () -> {
          NDArray loss = model.base().head().loss(hidden, targets, pass, 1, false);
          return (double) Tensors.floats(loss)[0];
        });
  }

  /** Parallel adapters are measured together: each label counts once for each adapter. */
  private static LossTargets targets(Batch batch, ModelCall call) {
    int replicas = call.adapters().composition().replicas();
    return BatchFeed.targets(call.model(), batch).repeat(replicas);
  }

  /** Batches of examples of similar length, for less padding. Their order does not matter here. */
  public List<int[]> batches(EncodedDataset data) {
    int[] sizes = data.examples().stream().mapToInt(Evaluator::size).toArray();
    return ByLength.batches(sizes, rows, tokens);
  }

  /**
   * The length of the row that an example needs: that of its input, or of its target if that is
   * longer.
   */
  public static int size(EncodedExample example) {
    return Math.max(example.length(), example.labels().length);
  }

  private static void count(ConfusionMatrix confusion, float[] logits, long[] classes) {
    int width = logits.length / classes.length;
    for (int row = 0; row < classes.length; row++) {
      int best = 0;
      for (int k = 1; k < width; k++) {
        best = logits[row * width + k] > logits[row * width + best] ? k : best;
      }
      confusion.add((int) classes[row], best);
    }
  }
}
