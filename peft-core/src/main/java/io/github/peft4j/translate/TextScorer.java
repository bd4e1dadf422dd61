package io.github.peft4j.translate;

import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Labels;
import io.github.peft4j.data.TextPair;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.batch.Encoder;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.AdaptedModel;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.config.Task;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Gives texts, or pairs of texts, numbers: those of a regression, such as a reranker's scores, or
 * the probabilities of several labels that do not exclude each other.
 *
 * <pre>{@code
 * double relevance = model.score(new TextPair("how to pay", "You pay at the desk."));
 * List<String> topics = model.scorer().labels("The match was cancelled because of rain.");
 * }</pre>
 *
 * <p>A text that is longer than the model's positions is cut at its end. A scorer has no state;
 * several threads may use one.
 */
public final class TextScorer {

  private static final double HALF = 0.5;

  private final TextRunner runner;
  private final Tokenizer tokenizer;
  private final Task task;
  private final boolean sigmoid;

  /**
   * Creates a scorer.
   *
   * @param adapted a model for regression or several labels, and its adapters
   * @param tokenizer the model's tokenizer
   * @throws IllegalArgumentException if the model is for another task
   */
  public TextScorer(AdaptedModel adapted, Tokenizer tokenizer) {
    this(
        new TextRunner(adapted, tokenizer),
        tokenizer,
        adapted.base().task().problem() == Task.Problem.MULTI_LABEL);
  }

  private TextScorer(TextRunner runner, Tokenizer tokenizer, boolean sigmoid) {
    this.runner = runner;
    this.tokenizer = tokenizer;
    this.sigmoid = sigmoid;
    this.task = runner.adapted().base().task();
    if (task.type() != Task.Type.SEQ_CLS || task.problem() == Task.Problem.SINGLE_LABEL) {
      throw new IllegalArgumentException(
          "a model for %s gives no scores; %s"
              .formatted(
                  task.type(),
                  task.type() == Task.Type.SEQ_CLS
                      ? "its classes exclude each other: take classify(text)"
                      : "load it with Task.regression() or Task.multiLabel(labels)"));
    }
  }

  /**
   * A scorer whose numbers are between 0 and 1, 1 / (1 + exp(-x)). Probabilities of several labels
   * are already; sentence-transformers does it with the scores of its cross-encoders.
   */
  public TextScorer sigmoid() {
    return new TextScorer(runner, tokenizer, true);
  }

  /**
   * The score of a text.
   *
   * @throws IllegalArgumentException if the model gives several numbers
   */
  public double score(String text) {
    return one(compute(List.of(encode(text, null)))[0]);
  }

  /**
   * The score of a pair of texts.
   *
   * @throws IllegalArgumentException if the model gives several numbers
   */
  public double score(TextPair pair) {
    return one(compute(List.of(encode(pair.first(), pair.second())))[0]);
  }

  /**
   * The scores of pairs of texts, computed in batches.
   *
   * @return a score for each pair
   * @throws IllegalArgumentException if the model gives several numbers
   */
  public double[] scores(List<TextPair> pairs) {
    double[][] values =
        compute(pairs.stream().map(pair -> encode(pair.first(), pair.second())).toList());
    return Arrays.stream(values).mapToDouble(this::one).toArray();
  }

  /** All numbers of a text by name, or the probability of each label. */
  public Map<String, Double> values(String text) {
    return named(compute(List.of(encode(text, null)))[0]);
  }

  /** All numbers of a pair of texts by name, or the probability of each label. */
  public Map<String, Double> values(TextPair pair) {
    return named(compute(List.of(encode(pair.first(), pair.second())))[0]);
  }

  /** The numbers of texts by name, computed in batches. */
  public List<Map<String, Double>> values(List<String> texts) {
    return Arrays.stream(compute(texts.stream().map(text -> encode(text, null)).toList()))
        .map(this::named)
        .toList();
  }

  /** The labels of a text whose probability is above one half; maybe none. */
  public List<String> labels(String text) {
    return labels(text, HALF);
  }

  /**
   * The labels of a text.
   *
   * @param threshold the probability that they exceed, 0 to 1
   * @throws IllegalArgumentException if the model is for regression
   */
  public List<String> labels(String text, double threshold) {
    if (task.problem() != Task.Problem.MULTI_LABEL) {
      throw new IllegalArgumentException("a model for regression has no labels; take score(text)");
    }
    return values(text).entrySet().stream()
        .filter(label -> label.getValue() > threshold)
        .map(Map.Entry::getKey)
        .toList();
  }

  private double one(double[] values) {
    if (values.length != 1) {
      throw new IllegalArgumentException(
          "the model gives %d numbers, %s; take values(text)"
              .formatted(values.length, task.labels()));
    }
    return values[0];
  }

  private Map<String, Double> named(double[] values) {
    Map<String, Double> named = new LinkedHashMap<>();
    for (int i = 0; i < values.length; i++) {
      named.put(task.labels().get(i), values[i]);
    }
    return named;
  }

  private EncodedExample encode(String text, @Nullable String pair) {
    int room = Math.toIntExact(runner.adapted().room());
    String any = task.labels().get(0);
    return Encoder.classification(tokenizer, Labels.of(any), room)
        .encode(new ClassificationExample(text, pair, any));
  }

  private double[][] compute(List<EncodedExample> rows) {
    double[][] results = new double[rows.size()][];
    try (ModelCall call = runner.newCall()) {
      TextRunner.requireOneAnswer(call, "");
      runner.run(
          rows,
          call,
          (places, input, logits) -> {
            float[] values = Tensors.floats(logits);
            int width = task.labels().size();
            for (int i = 0; i < places.length; i++) {
              double[] row = new double[width];
              int start = i * width;
              Arrays.setAll(row, k -> applied(values[start + k]));
              results[places[i]] = row;
            }
          });
    }
    return results;
  }

  private double applied(double x) {
    return sigmoid ? 1 / (1 + Math.exp(-x)) : x;
  }
}
