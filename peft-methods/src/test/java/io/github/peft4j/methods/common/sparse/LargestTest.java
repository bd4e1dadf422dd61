package io.github.peft4j.methods.common.sparse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LargestTest {

  private static Map<String, Supplier<float[]>> scores(float[] a, float[] b) {
    Map<String, Supplier<float[]>> scores = new LinkedHashMap<>();
    scores.put("a", () -> a);
    scores.put("b", () -> b);
    return scores;
  }

  /** Sorting all entries chooses the same, ties included. */
  @ParameterizedTest
  @ValueSource(ints = {1, 7, 300, 599, 600})
  void theLargestAreThoseOfASort(int k) {
    Random random = new Random(4);
    float[] a = new float[200];
    float[] b = new float[400];
    for (float[] values : List.of(a, b)) {
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) (Math.round(random.nextDouble() * 90) * Math.pow(10, i % 9 - 6));
      }
    }
    Map<String, int[]> chosen = Largest.of(scores(a, b), k);
    List<Integer> sorted =
        IntStream.range(0, 600)
            .boxed()
            .sorted(Comparator.comparing((Integer i) -> -(i < 200 ? a[i] : b[i - 200])))
            .limit(k)
            .sorted()
            .toList();
    int[] none = {};
    assertThat(
            IntStream.concat(
                    IntStream.of(chosen.getOrDefault("a", none)),
                    IntStream.of(chosen.getOrDefault("b", none)).map(i -> i + 200))
                .boxed()
                .toList())
        .isEqualTo(sorted);
  }

  @Test
  void whatHasNoOrderIsRefused() {
    float[] fine = {1, 0};
    assertThatThrownBy(() -> Largest.of(scores(fine, new float[] {1, Float.NaN}), 1))
        .hasMessageContaining("an entry of b has the score NaN");
    assertThatThrownBy(() -> Largest.of(scores(fine, new float[] {-1}), 1))
        .hasMessageContaining("an entry of b has the score -1.0");
    assertThatThrownBy(() -> Largest.of(scores(fine, fine), 5)).hasMessageContaining("1 fewer");
  }
}
