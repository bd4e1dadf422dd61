package io.github.peft4j.train.evaluation;

import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The results of an evaluation, by name.
 *
 * @param values the values in the order in which they are shown
 */
public record Metrics(Map<String, Double> values) {

  /** The mean cross entropy of a label. */
  public static final String LOSS = "loss";

  /** The fraction of predictions that are right. */
  public static final String ACCURACY = "accuracy";

  /** The mean of F1 over the classes. */
  public static final String MACRO_F1 = "macro_f1";

  /** The exponential of the loss. */
  public static final String PERPLEXITY = "perplexity";

  /**
   * Checks the name of a metric before there are values.
   *
   * @param classifies whether the model is a classifier
   * @return the name
   */
  public static String requireName(String name, boolean classifies) {
    List<String> names = classifies ? List.of(LOSS, ACCURACY, MACRO_F1) : List.of(LOSS, PERPLEXITY);
    if (!names.contains(name)) {
      throw noMetric(name, names);
    }
    return name;
  }

  private static IllegalArgumentException noMetric(String name, Collection<String> names) {
    return new IllegalArgumentException(
        "no metric '" + name + "': there are " + String.join(", ", names));
  }

  /**
   * Results by name.
   *
   * @param values the values in the order in which they are shown; copied
   */
  public Metrics {
    values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
  }

  /**
   * The metrics of a classifier.
   *
   * @param loss the mean cross entropy of an example
   * @param confusion the counts of predictions
   * @return loss, accuracy and macro F1
   */
  public static Metrics ofClassifier(double loss, ConfusionMatrix confusion) {
    Map<String, Double> values = new LinkedHashMap<>();
    values.put(LOSS, loss);
    values.put(ACCURACY, confusion.accuracy());
    values.put(MACRO_F1, confusion.macroF1());
    return new Metrics(values);
  }

  /**
   * The metrics of a language model.
   *
   * @param loss the mean cross entropy of a token
   * @return loss and perplexity
   */
  public static Metrics ofLanguageModel(double loss) {
    Map<String, Double> values = new LinkedHashMap<>();
    values.put(LOSS, loss);
    values.put(PERPLEXITY, Math.exp(loss));
    return new Metrics(values);
  }

  /**
   * Whether there is a metric of this name.
   *
   * @param name the name
   * @return true if there is
   */
  public boolean has(String name) {
    return values.containsKey(name);
  }

  /**
   * A metric by name.
   *
   * @param name the name
   * @return the value
   */
  public double get(String name) {
    Double value = values.get(name);
    if (value == null) {
      throw noMetric(name, values.keySet());
    }
    return value;
  }

  @Override
  public String toString() {
    return values.entrySet().stream()
        .map(e -> String.format(Locale.ROOT, "%s %.4f", e.getKey(), e.getValue()))
        .collect(Collectors.joining(", "));
  }
}
