package io.github.peft4j.train.evaluation;

import io.github.peft4j.metrics.Regression;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;

/**
 * Errors and correlations of predicted numbers. They are NaN if a prediction is not finite;
 * correlations also if all numbers are the same.
 */
record RegressionMeasure() implements Measure {

  private static final List<String> NAMES = List.of("mse", "mae", "pearson", "spearmanr");
  private static final List<String> ERRORS = List.of("mse", "mae");

  @Override
  public List<String> names() {
    return NAMES;
  }

  @Override
  public boolean isLowerBetter(String name) {
    return ERRORS.contains(name);
  }

  @Override
  public Map<String, Double> of(Evaluation evaluation) {
    double[] labels =
        evaluation.predictions().stream()
            .flatMapToDouble(prediction -> Arrays.stream(prediction.encoded().values()))
            .toArray();
    double[] predictions =
        evaluation.predictions().stream()
            .map(prediction -> prediction.logits()[0])
            .flatMapToDouble(RegressionMeasure::doubles)
            .toArray();
    Map<String, Double> values = new LinkedHashMap<>();
    if (Arrays.stream(predictions).allMatch(Double::isFinite)) {
      Map<String, Double> all = Regression.of(labels, predictions).values();
      NAMES.forEach(name -> values.put(name, all.getOrDefault(name, Double.NaN)));
    } else {
      NAMES.forEach(name -> values.put(name, Double.NaN));
    }
    return values;
  }

  private static DoubleStream doubles(float[] values) {
    double[] all = new double[values.length];
    Arrays.setAll(all, i -> values[i]);
    return Arrays.stream(all);
  }
}
