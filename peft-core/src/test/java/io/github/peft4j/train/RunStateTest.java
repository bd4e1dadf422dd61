package io.github.peft4j.train;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.peft4j.train.evaluation.Metrics;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RunStateTest {

  @Test
  void anEvaluationThatIsNotFiniteIsNeverTheBest() {
    RunState state = new RunState();
    state.step = 1;
    state.evaluated(
        new Metrics(Map.of(Metrics.LOSS, Double.NaN, Metrics.ACCURACY, 0.9)),
        Metrics.ACCURACY,
        false);
    assertThat(state.bestStep).isEqualTo(-1);
    state.step = 2;
    state.evaluated(
        new Metrics(Map.of(Metrics.LOSS, 1.0, Metrics.ACCURACY, 0.5)), Metrics.ACCURACY, false);
    state.step = 3;
    state.evaluated(
        new Metrics(Map.of(Metrics.LOSS, Double.NaN, Metrics.ACCURACY, 1.0)),
        Metrics.ACCURACY,
        false);
    assertThat(state.bestStep).isEqualTo(2);
  }
}
