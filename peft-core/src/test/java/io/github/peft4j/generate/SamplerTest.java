package io.github.peft4j.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SamplerTest {

  private static final double[] KNOWN = {0.05, 0.4, 0.3, 0.05, 0.2};
  private static final int DRAWS = 200_000;

  private static float[] logits(double... probabilities) {
    float[] logits = new float[probabilities.length];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (float) Math.log(probabilities[i]) + 3;
    }
    return logits;
  }

  private static long[] counts(GenerationConfig config, float[] logits) {
    long[] counts = new long[logits.length];
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < DRAWS; i++) {
      counts[Sampler.draw(logits, 0, logits.length, config, random.nextDouble())]++;
    }
    return counts;
  }

  /** Pearson's statistic; four degrees of freedom exceed 18.5 once in a thousand. */
  private static double chiSquare(long[] counts, double... expected) {
    double statistic = 0;
    for (int i = 0; i < counts.length; i++) {
      if (expected[i] == 0) {
        assertThat(counts[i]).as("draws of what has no probability").isZero();
      } else {
        double mean = expected[i] * DRAWS;
        statistic += (counts[i] - mean) * (counts[i] - mean) / mean;
      }
    }
    return statistic;
  }

  @Test
  void drawsFromTheDistribution() {
    long[] counts = counts(GenerationConfig.sampling(1), logits(KNOWN));

    assertThat(chiSquare(counts, KNOWN)).isLessThan(18.5);
  }

  @Test
  void temperatureSharpens() {
    double[] squared = new double[KNOWN.length];
    double total = 0;
    for (double p : KNOWN) {
      total += p * p;
    }
    for (int i = 0; i < squared.length; i++) {
      squared[i] = KNOWN[i] * KNOWN[i] / total;
    }

    long[] counts = counts(GenerationConfig.sampling(0.5), logits(KNOWN));

    assertThat(chiSquare(counts, squared)).isLessThan(18.5);
  }

  @Test
  void topPKeepsTheFewestThatReachIt() {
    // 0.4 + 0.3 is not yet 0.75; 0.2 more is.
    long[] counts = counts(GenerationConfig.sampling(1).topP(0.75), logits(KNOWN));

    assertThat(chiSquare(counts, 0, 0.4 / 0.9, 0.3 / 0.9, 0, 0.2 / 0.9)).isLessThan(18.5);
  }

  @Test
  void aTinyTopPIsGreedy() {
    long[] counts = counts(GenerationConfig.sampling(1).topP(1e-9), logits(KNOWN));

    assertThat(counts[1]).isEqualTo(DRAWS);
  }

  @Test
  void aTinyTemperatureIsGreedyAndDoesNotOverflow() {
    long[] counts = counts(GenerationConfig.sampling(1e-6), logits(KNOWN));

    assertThat(counts[1]).isEqualTo(DRAWS);
  }

  @Test
  void theExtremesOfTheUniformHitPossibleTokens() {
    float[] logits = {Float.NEGATIVE_INFINITY, 0, 0, Float.NEGATIVE_INFINITY};
    GenerationConfig config = GenerationConfig.sampling(1);

    assertThat(Sampler.draw(logits, 0, 4, config, 0)).isEqualTo(1);
    assertThat(Sampler.draw(logits, 0, 4, config, Math.nextDown(1.0))).isEqualTo(2);
    assertThat(Sampler.draw(logits, 1, 2, config, 0.1)).as("a row further on").isZero();
  }

  @Test
  void refusesWhatIsNoDistribution() {
    assertThatThrownBy(
            () -> Sampler.draw(new float[] {Float.NaN, 1}, 0, 2, GenerationConfig.sampling(1), 0.5))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("not finite");
  }

  @Test
  void configsSayWhatIsWrong() {
    assertThatThrownBy(() -> GenerationConfig.greedy().topP(0)).hasMessageContaining("topP is 0.0");
    assertThatThrownBy(() -> GenerationConfig.sampling(-1)).hasMessageContaining("temperature");
    assertThatThrownBy(() -> GenerationConfig.greedy().maxNewTokens(0))
        .hasMessageContaining("maxNewTokens");
    assertThatThrownBy(() -> GenerationConfig.greedy().stopAt(""))
        .hasMessageContaining("stopAt: a text is empty");
    assertThat(GenerationConfig.greedy().stopAt("a").stopAt("b").get(Setting.STOP_STRINGS))
        .containsExactly("a", "b");
  }
}
