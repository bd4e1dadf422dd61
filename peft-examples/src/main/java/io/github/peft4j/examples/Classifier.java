package io.github.peft4j.examples;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.PeftModel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.ModelInput;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Says which class a model takes texts for. */
public final class Classifier {

  private final PeftModel model;

  /** A classifier with the adapters that are active on a model. */
  public Classifier(PeftModel model) {
    this.model = model;
  }

  /**
   * What the model says of a text.
   *
   * @param text that was read
   * @param label the most probable class
   * @param probability of that class
   */
  public record Prediction(String text, String label, double probability) {
    @Override
    public String toString() {
      return "%-14s %3.0f %%  %s".formatted(label, 100 * probability, text);
    }
  }

  /** Classifies texts, all in one batch. */
  public List<Prediction> classify(List<String> texts) {
    float[][] logits = logits(texts);
    List<Prediction> predictions = new ArrayList<>();
    for (int row = 0; row < logits.length; row++) {
      double[] probabilities = softmax(logits[row]);
      int best = 0;
      for (int k = 1; k < probabilities.length; k++) {
        best = probabilities[k] > probabilities[best] ? k : best;
      }
      String label = model.base().task().labels().get(best);
      predictions.add(new Prediction(texts.get(row), label, probabilities[best]));
    }
    return predictions;
  }

  /** Classifies a text. */
  public Prediction classify(String text) {
    return classify(List.of(text)).get(0);
  }

  /** The logits [texts][classes]. */
  private float[][] logits(List<String> texts) {
    long[][] rows = texts.stream().map(model.tokenizer()::encode).toArray(long[][]::new);
    int width = Arrays.stream(rows).mapToInt(row -> row.length).max().orElse(0);
    long[][] ids = new long[rows.length][width];
    long[][] mask = new long[rows.length][width];
    for (int i = 0; i < rows.length; i++) {
      Arrays.fill(ids[i], model.tokenizer().padId());
      System.arraycopy(rows[i], 0, ids[i], 0, rows[i].length);
      Arrays.fill(mask[i], 0, rows[i].length, 1);
    }
    try (Scope scope = new Scope()) {
      NDArray logits = model.base().logits(ModelInput.of(model.base().manager(), ids, mask));
      return split(Tensors.floats(logits), rows.length);
    }
  }

  private static float[][] split(float[] flat, int rows) {
    float[][] split = new float[rows][];
    for (int i = 0; i < rows; i++) {
      int width = flat.length / rows;
      split[i] = Arrays.copyOfRange(flat, i * width, (i + 1) * width);
    }
    return split;
  }

  private static double[] softmax(float[] logits) {
    double[] exponentials = new double[logits.length];
    float max = Float.NEGATIVE_INFINITY;
    for (float logit : logits) {
      max = Math.max(max, logit);
    }
    double sum = 0;
    for (int k = 0; k < logits.length; k++) {
      exponentials[k] = Math.exp(logits[k] - max);
      sum += exponentials[k];
    }
    for (int k = 0; k < logits.length; k++) {
      exponentials[k] /= sum;
    }
    return exponentials;
  }
}
