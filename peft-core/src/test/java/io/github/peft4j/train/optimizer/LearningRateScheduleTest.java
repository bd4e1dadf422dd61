package io.github.peft4j.train.optimizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class LearningRateScheduleTest {

  private static double[] rates(LearningRateSchedule schedule, int steps) {
    return LongStream.range(0, steps).mapToDouble(schedule::rate).toArray();
  }

  // The expected values are those that transformers' own tests hold its schedules to.

  @Test
  void linear() {
    assertThat(rates(LearningRateSchedule.linear(10, 2, 10), 11))
        .containsExactly(
            new double[] {0, 5, 10, 8.75, 7.5, 6.25, 5, 3.75, 2.5, 1.25, 0}, within(1e-12));
  }

  @Test
  void cosine() {
    assertThat(rates(LearningRateSchedule.cosine(10, 2, 10), 10))
        .containsExactly(
            new double[] {0, 5, 10, 9.61, 8.53, 6.91, 5, 3.08, 1.46, 0.38}, within(0.01));
  }

  @Test
  void constant() {
    assertThat(rates(LearningRateSchedule.constant(10, 4), 10))
        .containsExactly(new double[] {0, 2.5, 5, 7.5, 10, 10, 10, 10, 10, 10}, within(1e-12));
  }

  @Test
  void withoutWarmupStartsAtThePeak() {
    assertThat(LearningRateSchedule.linear(3, 0, 4).rate(0)).isEqualTo(3);
    assertThat(LearningRateSchedule.cosine(3, 0, 4).rate(0)).isEqualTo(3);
    assertThat(LearningRateSchedule.constant(3, 0).rate(0)).isEqualTo(3);
  }

  @Test
  void neverNegativeAfterTheEnd() {
    assertThat(LearningRateSchedule.linear(3, 1, 4).rate(9)).isZero();
    assertThat(LearningRateSchedule.cosine(3, 1, 4).rate(9)).isZero();
  }

  @Test
  void warmupAsAFractionIsRoundedUp() {
    assertThat(LearningRateSchedule.warmupSteps(0.03, 100)).isEqualTo(3);
    assertThat(LearningRateSchedule.warmupSteps(0.03, 101)).isEqualTo(4);
    assertThat(LearningRateSchedule.warmupSteps(0, 101)).isZero();
    assertThatThrownBy(() -> LearningRateSchedule.warmupSteps(3, 100))
        .hasMessage("warm-up is 3.0, expected a fraction from 0 to 1 of all steps");
  }

  @Test
  void wrongArguments() {
    assertThatThrownBy(() -> LearningRateSchedule.linear(-1, 0, 1))
        .hasMessageContaining("learning rate is -1.0");
    assertThatThrownBy(() -> LearningRateSchedule.linear(1, 3, 2))
        .hasMessageContaining("3 warm-up steps, but 2 steps in all");
  }
}
