package io.github.peft4j.chart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;

class CurveTest {

  @Test
  void thinningTakesMeansWithoutGaps() {
    Curve curve = new Curve();
    for (int i = 0; i < 10; i++) {
      curve.add(i, i == 3 ? Double.POSITIVE_INFINITY : i);
    }
    assertThat(curve.thinned(5).ys()).containsExactly(0.5, 2.0, 4.5, 6.5, 8.5);
    assertThat(curve.thinned(5).xs()).containsExactly(1L, 3L, 5L, 7L, 9L);
    assertThat(curve.stride(5)).isEqualTo(2);
    assertThat(curve.thinned(99)).isEqualTo(curve);
  }

  @Test
  void smoothingKeepsGapsAndALevel() {
    Curve smoothed = Curve.of(List.of(3.0, Double.NaN, 3.0)).smoothed(0.9);
    assertThat(smoothed.ys().get(0)).isCloseTo(3, within(1e-9));
    assertThat(smoothed.ys().get(1)).isNaN();
    assertThat(smoothed.ys().get(2)).isCloseTo(3, within(1e-9));
  }
}
