package io.github.peft4j.metrics;

import static io.github.peft4j.metrics.Goldens.assertNumber;
import static io.github.peft4j.metrics.Goldens.doubles;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonObject;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Holds errors to scikit-learn's and correlations to SciPy's. */
class RegressionTest {

  static Iterable<JsonObject> goldens() {
    return Goldens.cases("regression.json");
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void isThatOfPython(JsonObject golden) {
    Regression metrics =
        Regression.of(doubles(golden.get("labels")), doubles(golden.get("predictions")));
    assertNumber(golden, "mse", metrics.mse());
    assertNumber(golden, "mae", metrics.mae());
    assertNumber(golden, "rmse", metrics.rmse());
    assertNumber(golden, "r2", metrics.r2());
    assertNumber(golden, "pearson", metrics.pearson());
    assertNumber(golden, "spearman", metrics.spearman());
    assertNumber(golden, "kendall", metrics.kendall());
  }

  @Test
  void kendallCountsPairs() {
    Random random = new Random(5);
    for (int size = 2; size < 60; size++) {
      double[] x = random.ints(size, 0, 9).asDoubleStream().toArray();
      double[] y = random.ints(size, 0, 9).asDoubleStream().toArray();
      double sum = 0;
      double ofX = 0;
      double ofY = 0;
      for (int i = 0; i < size; i++) {
        for (int j = 0; j < i; j++) {
          sum += Math.signum(x[i] - x[j]) * Math.signum(y[i] - y[j]);
          ofX += Math.abs(Math.signum(x[i] - x[j]));
          ofY += Math.abs(Math.signum(y[i] - y[j]));
        }
      }
      double expected = sum / Math.sqrt(ofX * ofY);
      double actual = Correlation.kendall(x, y);
      if (Double.isNaN(expected)) {
        assertThat(actual).isNaN();
      } else {
        assertThat(actual).isCloseTo(expected, within(1e-12));
      }
    }
  }

  @Test
  void minusZeroTiesWithZero() {
    assertThat(Correlation.kendall(new double[] {-0.0, 0.0, 1}, new double[] {2, 1, 3}))
        .isCloseTo(0.816496580927726, within(1e-12)); // scipy.stats.kendalltau
    assertThat(
            Correlation.kendall(
                new double[] {2, -0.0, 2, 1, -0.0, 0}, new double[] {0, 2, -0.0, 0.5, -0.0, -1}))
        .isCloseTo(-0.08703882797784893, within(1e-12));
  }

  @Test
  void oneExampleHasErrorsAndNoCorrelation() {
    assertThat(Regression.of(new double[] {2}, new double[] {5}).values())
        .containsEntry("mse", 9.0)
        .containsEntry("mae", 3.0)
        .containsEntry("pearson", Double.NaN)
        .containsEntry("r2", Double.NaN)
        .containsOnlyKeys("mse", "mae", "rmse", "r2", "pearson", "spearmanr", "kendalltau");
  }

  @Test
  void refusesWhatIsNoNumber() {
    assertThatThrownBy(() -> Regression.of(new double[] {1, Double.NaN}, new double[2]))
        .hasMessage("labels[1] is NaN, expected a number");
    assertThatThrownBy(() -> Regression.of(new double[1], new double[0]))
        .hasMessage("1 labels and 0 predictions, expected as many of both");
    assertThatThrownBy(() -> Correlation.pearson(new double[1], new double[1]))
        .hasMessage("one pair of numbers, expected two at least");
  }
}
