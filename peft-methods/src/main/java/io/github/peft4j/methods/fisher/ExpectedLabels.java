package io.github.peft4j.methods.fisher;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.train.evaluation.BatchFeed;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.LossTargets;
import java.util.Arrays;
import java.util.Random;

/** Examples with the labels that a model expects, instead of those of the data. */
final class ExpectedLabels {

  private final PeftModel model;
  private final FisherInformation information;
  private final Random random;

  ExpectedLabels(PeftModel model, FisherInformation information, long seed) {
    this.model = model;
    this.information = information;
    this.random = new Random(seed);
  }

  /**
   * Adds an example: where a text has one class, with each class, weighted by its probability;
   * where it has a label for each token, with labels that are drawn.
   *
   * @throws IllegalArgumentException if the labels are neither
   */
  void add(Batch example) {
    switch (example.alignment()) {
      case TEXT -> {
        double[] probabilities = softmax(logits(example), 0);
        for (int c = 0; c < probabilities.length; c++) {
          information.add(example, new LossTargets.Classes(new long[] {c}), probabilities[c]);
        }
      }
      case TOKEN, TARGET -> information.add(example, targets(drawn(example)), 1);
      default ->
          throw new IllegalArgumentException(
              "sample_type is expect, but the labels are %s; expected classes of texts or of tokens: set sample_type to label"
                  .formatted(example.alignment()));
    }
  }

  private LossTargets targets(Batch drawn) {
    return BatchFeed.targets(model.base(), drawn);
  }

  /** One row of logits for each class or token. */
  private float[][] logits(Batch example) {
    try (NDArray logits = model.logits(BatchFeed.input(model.base(), example));
        Scope scope = new Scope()) {
      int width = (int) logits.getShape().get(logits.getShape().dimension() - 1);
      float[] flat = Tensors.floats(logits);
      float[][] rows = new float[flat.length / width][];
      Arrays.setAll(rows, i -> Arrays.copyOfRange(flat, i * width, (i + 1) * width));
      return rows;
    }
  }

  /** The example with a drawn label wherever it has one. */
  private Batch drawn(Batch example) {
    float[][] logits = logits(example);
    int ahead =
        example.alignment() == EncodedExample.Alignment.TOKEN
                && model.base().task().type() == Task.Type.CAUSAL_LM
            ? 1
            : 0;
    long[] labels = example.labels()[0].clone();
    for (int t = ahead; t < labels.length; t++) {
      if (labels[t] != EncodedExample.IGNORED) {
        labels[t] = draw(softmax(logits, t - ahead));
      }
    }
    return new Batch(
        example.inputIds(),
        example.attentionMask(),
        example.tokenTypeIds(),
        new long[][] {labels},
        example.alignment());
  }

  private int draw(double[] probabilities) {
    double left = random.nextDouble();
    for (int c = 0; c < probabilities.length; c++) {
      left -= probabilities[c];
      if (left < 0) {
        return c;
      }
    }
    return probabilities.length - 1;
  }

  private static double[] softmax(float[][] rows, int index) {
    float[] row = rows[index];
    double most = Double.NEGATIVE_INFINITY;
    for (float logit : row) {
      most = Math.max(most, logit);
    }
    double[] p = new double[row.length];
    double sum = 0;
    for (int c = 0; c < p.length; c++) {
      p[c] = Math.exp(row[c] - most);
      sum += p[c];
    }
    for (int c = 0; c < p.length; c++) {
      p[c] /= sum;
    }
    return p;
  }
}
