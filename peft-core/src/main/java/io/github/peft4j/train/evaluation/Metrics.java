package io.github.peft4j.train.evaluation;

import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;

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

  static IllegalArgumentException noMetric(String name, Collection<String> names) {
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

  /** The losses of all data sets. */
  public DoubleStream losses() {
    return values.entrySet().stream()
        .filter(e -> e.getKey().equals(LOSS) || e.getKey().endsWith("/" + LOSS))
        .mapToDouble(Map.Entry::getValue);
  }

  @Override
  public String toString() {
    return values.entrySet().stream()
        .map(e -> String.format(Locale.ROOT, "%s %.4f", e.getKey(), e.getValue()))
        .collect(Collectors.joining(", "));
  }
}
