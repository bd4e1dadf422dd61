package io.github.peft4j.metrics;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Metrics of predicted numbers: errors as scikit-learn computes them, correlations as SciPy does.
 *
 * @param mse the mean squared error
 * @param mae the mean absolute error
 * @param rmse the root of the mean squared error
 * @param r2 the part of the variance that is explained, up to 1. For labels that are all the same,
 *     it is 1 if all predictions are right, else 0; NaN for one example
 * @param pearson Pearson's correlation; NaN for one example, or if all labels or predictions are
 *     the same
 * @param spearman Spearman's correlation; NaN as Pearson's
 * @param kendall Kendall's tau-b; NaN as Pearson's
 */
public record Regression(
    double mse, double mae, double rmse, double r2, double pearson, double spearman, double kendall)
    implements Report {

  /**
   * Metrics of predictions.
   *
   * @param labels the right numbers
   * @param predictions the predicted numbers
   * @return the metrics
   * @throws IllegalArgumentException if there are no examples, not as many labels as predictions,
   *     or if one is not a number
   */
  public static Regression of(double[] labels, double[] predictions) {
    int n = Inputs.sameLength("labels", labels.length, "predictions", predictions.length);
    Inputs.finite("labels", labels);
    Inputs.finite("predictions", predictions);
    double[] errors = IntStream.range(0, n).mapToDouble(i -> labels[i] - predictions[i]).toArray();
    double squares = Arrays.stream(errors).map(e -> e * e).sum();
    double absolute = Arrays.stream(errors).map(Math::abs).sum();
    boolean one = n == 1;
    return new Regression(
        squares / n,
        absolute / n,
        Math.sqrt(squares / n),
        one ? Double.NaN : r2(labels, squares),
        one ? Double.NaN : Correlation.pearson(labels, predictions),
        one ? Double.NaN : Correlation.spearman(labels, predictions),
        one ? Double.NaN : Correlation.kendall(labels, predictions));
  }

  private static double r2(double[] labels, double squares) {
    double mean = Arrays.stream(labels).average().orElseThrow();
    double variance = Arrays.stream(labels).map(y -> (y - mean) * (y - mean)).sum();
    if (variance == 0) {
      return squares == 0 ? 1 : 0;
    }
    return 1 - squares / variance;
  }

  /**
   * {@code mse}, {@code mae}, {@code rmse}, {@code r2}, {@code pearson}, {@code spearmanr} and
   * {@code kendalltau}.
   */
  @Override
  public Map<String, Double> values() {
    Map<String, Double> values = new LinkedHashMap<>();
    values.put("mse", mse);
    values.put("mae", mae);
    values.put("rmse", rmse);
    values.put("r2", r2);
    values.put("pearson", pearson);
    values.put("spearmanr", spearman);
    values.put("kendalltau", kendall);
    return values;
  }
}
