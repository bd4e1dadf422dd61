package io.github.peft4j.train;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.TextModel;
import io.github.peft4j.data.Batch;
import io.github.peft4j.data.BatchSampler;
import io.github.peft4j.data.Collator;
import io.github.peft4j.data.EncodedDataset;
import io.github.peft4j.data.Examples;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.Pass;
import io.github.peft4j.transformer.Targets;
import io.github.peft4j.transformer.Task;
import io.github.peft4j.transformer.TransformerModel;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Measures a model on data: loss, accuracy and macro F1 of a classifier, loss and perplexity of a
 * language model. Losses are means over all labels.
 */
public final class Evaluator {

  private final TextModel model;
  private final int batchSize;
  private final int maxLength;

  /**
   * Creates an evaluator.
   *
   * @param batchSize rows of a batch
   * @param maxLength tokens that an example may have
   */
  public Evaluator(TextModel model, int batchSize, int maxLength) {
    this.model = model;
    this.batchSize = batchSize;
    this.maxLength = maxLength;
  }

  /** Measures the model, with its adapters, on examples. */
  public Metrics evaluate(Examples<?> examples) {
    return evaluate(BatchFeed.encode(model, examples, maxLength));
  }

  Metrics evaluate(EncodedDataset data) {
    try (ModelCall call = model.newCall()) {
      return evaluate(data, call);
    }
  }

  private Metrics evaluate(EncodedDataset data, ModelCall call) {
    // Sorted by length there is less padding; the order of evaluation does not matter.
    List<Integer> order = new ArrayList<>();
    for (int i = 0; i < data.size(); i++) {
      order.add(i);
    }
    int[] lengths = data.lengths();
    order.sort(Comparator.comparingInt(i -> lengths[i]));
    TransformerModel base = model.base();
    Collator collator = new Collator(model.base().padId(model.tokenizer().padId()));
    boolean classifies = base.task().type() == Task.Type.SEQ_CLS;
    ConfusionMatrix confusion =
        new ConfusionMatrix(Math.max(1, classifies ? base.task().labels().size() : 1));
    double loss = 0;
    long count = 0;
    for (int[] rows : BatchSampler.sequential(data.size(), batchSize).epoch(0)) {
      int[] chosen = java.util.Arrays.stream(rows).map(order::get).toArray();
      Batch batch = collator.collate(data.select(chosen));
      Targets targets = BatchFeed.targets(base, batch);
      long labels = base.count(targets, call.adapters());
      if (labels == 0) {
        continue;
      }
      try (Scope scope = new Scope();
          Pass pass = call.pass()) {
        NDArray hidden = base.hidden(BatchFeed.input(base, batch), pass);
        loss +=
            Autograd.without(
                () ->
                    (double) Tensors.floats(base.head().loss(hidden, targets, pass, 1, false))[0]);
        count += labels;
        if (classifies) {
          NDArray logits = Autograd.without(() -> base.head().logits(hidden, pass));
          count(confusion, Tensors.floats(logits), ((Targets.Classes) targets).classes());
        }
      }
    }
    double mean = loss / Math.max(1, count);
    return classifies ? Metrics.ofClassifier(mean, confusion) : Metrics.ofLanguageModel(mean);
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
