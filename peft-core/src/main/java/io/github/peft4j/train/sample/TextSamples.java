package io.github.peft4j.train.sample;

import io.github.peft4j.TextModel;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.MultiLabelExample;
import io.github.peft4j.data.RegressionExample;
import io.github.peft4j.data.TextPair;
import io.github.peft4j.train.report.Sample;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Classes, labels and numbers of texts and of pairs of texts. */
public final class TextSamples {

  private static final String NONE = "none";
  private static final double HALF = 0.5;

  private TextSamples() {}

  /** The class of a text. */
  public static Sample of(TextModel model, ClassificationExample example) {
    String pair = example.pair();
    String predicted =
        (pair == null
                ? model.classify(example.text())
                : model.classify(new TextPair(example.text(), pair)))
            .best()
            .getClassName();
    return new Sample(input(example.text(), pair), example.label(), predicted);
  }

  /** The labels of a text, in the model's order. */
  public static Sample of(TextModel model, MultiLabelExample example) {
    Map<String, Double> values = values(model, example.text(), example.pair());
    return new Sample(
        input(example.text(), example.pair()),
        listed(values, label -> example.labels().contains(label)),
        listed(values, label -> values.getOrDefault(label, 0.0) > HALF));
  }

  private static String listed(Map<String, Double> values, Predicate<String> isLabel) {
    String labels = String.join(", ", values.keySet().stream().filter(isLabel).toList());
    return labels.isEmpty() ? NONE : labels;
  }

  /** The number of a text. */
  public static Sample of(TextModel model, RegressionExample example) {
    Map<String, Double> values = values(model, example.text(), example.pair());
    return new Sample(
        input(example.text(), example.pair()),
        number(example.value()),
        String.join(", ", values.values().stream().map(TextSamples::number).toList()),
        false);
  }

  private static Map<String, Double> values(TextModel model, String text, @Nullable String pair) {
    return pair == null
        ? model.scorer().values(text)
        : model.scorer().values(new TextPair(text, pair));
  }

  private static String input(String text, @Nullable String pair) {
    return pair == null ? text : text + "\n" + pair;
  }

  static String number(double value) {
    return String.format(Locale.ROOT, "%.3f", value);
  }
}
