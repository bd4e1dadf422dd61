package io.github.peft4j.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Examples;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.toy.TinyLlama;
import io.github.peft4j.toy.ToyConfig;
import io.github.peft4j.train.optimizer.LossScaling;
import io.github.peft4j.train.report.JsonLog;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import io.github.peft4j.train.step.Activations;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Trainings in float16, whose loss is scaled. */
class Float16TrainingTest {

  /** So large that the first gradients are not finite. */
  private static final LossScaling HUGE = LossScaling.DEFAULT.initial(0x1p30).interval(4);

  @TempDir Path folder;
  @TempDir Path runs;

  @BeforeEach
  void writeTheModel() throws IOException {
    TinyLlama.write(folder);
  }

  private PeftModel model(Precision precision) {
    return Peft.from(folder)
        .precision(precision)
        .load()
        .adapt(ToyConfig.of(1, 0).targetModules("all-linear"));
  }

  private static FineTuner tuner(PeftModel model) {
    return FineTuner.of(model)
        .on(Examples.of(TinyLlama.EXAMPLES))
        .batchSize(1)
        .accumulate(2)
        .epochs(10)
        .learningRate(1e-2)
        .quiet();
  }

  @ParameterizedTest
  @EnumSource
  void lossesAndNormsAreNearThoseOfFloat32(Activations activations) {
    TrainingReport exact;
    try (PeftModel model = model(Precision.FLOAT32)) {
      exact = tuner(model).activations(activations).run();
    }
    try (PeftModel model = model(Precision.FLOAT16)) {
      TrainingReport report =
          tuner(model)
              .lossScaling(LossScaling.DEFAULT.initial(1024))
              .activations(activations)
              .run();
      assertThat(report.skippedSteps()).isEmpty();
      assertThat(report.details().lossScale()).isEqualTo(1024);
      for (int i = 0; i < 20; i++) {
        assertThat(report.losses().get(i)).isCloseTo(exact.losses().get(i), within(0.02));
        double norm = exact.details().gradNorms().get(i);
        assertThat((double) report.details().gradNorms().get(i))
            .isCloseTo(norm, within(0.03 * norm));
      }
      assertThat(report.finalLoss()).isLessThan(0.9 * report.losses().get(0));
    }
  }

  @Test
  void stepsWhoseGradientOverflowsAreSkippedAndTheScaleFalls() {
    try (PeftModel model = model(Precision.FLOAT16)) {
      List<float[]> before = TrainedValues.of(model);
      List<List<float[]>> after = new ArrayList<>();
      TrainingReport report =
          tuner(model)
              .epochs(30)
              .lossScaling(HUGE)
              .listener(JsonLog.to(runs.resolve("log.jsonl")))
              .listener(onStep(step -> after.add(TrainedValues.of(model))))
              .run();
      List<Long> skipped = report.skippedSteps();
      assertThat(skipped).startsWith(1L, 2L, 3L).contains(17L).hasSizeBetween(17, 40);
      assertThat(report.details().overflowedSteps()).isEqualTo(skipped);
      assertThat(report.details().lossScale()).isLessThan(0x1p30).isGreaterThan(1);
      assertThat(after.get(0)).usingRecursiveComparison().isEqualTo(before);
      assertThat(after.get(59)).usingRecursiveComparison().isNotEqualTo(before);
      assertThat(report.losses()).allMatch(Double::isFinite);
      List<Double> losses = report.losses();
      assertThat(losses.get(58) + losses.get(59)).isLessThan(0.9 * (losses.get(0) + losses.get(1)));
      assertThat(report.toString()).contains("steps skipped");
      String page = runs.resolve("page.html").toString();
      report.chart(runs.resolve("chart.png").toString()).html(page);
      assertThat(Path.of(page))
          .content()
          .contains("steps were skipped, because their gradient overflowed in float16")
          .contains("LossScaling[initial=1.073741824E9")
          .doesNotContain("their loss or gradient was not finite");
    }
  }

  @Test
  void aRunThatIsContinuedHasTheScaleOfOneThatWasNot() {
    TrainingReport whole;
    List<float[]> tensors;
    try (PeftModel model = model(Precision.FLOAT16)) {
      whole = tuner(model).lossScaling(HUGE).run();
      tensors = TrainedValues.of(model);
    }
    for (int stop : new int[] {2, 13}) {
      Path run = runs.resolve("run" + stop);
      try (PeftModel model = model(Precision.FLOAT16)) {
        FineTuner tuner = tuner(model).lossScaling(HUGE).checkpointTo(run);
        tuner.listener(
            onStep(
                step -> {
                  if (step.step() == stop) {
                    tuner.stop();
                  }
                }));
        assertThat(tuner.run().steps()).isEqualTo(stop);
      }
      try (PeftModel model = model(Precision.FLOAT16)) {
        TrainingReport report = tuner(model).lossScaling(HUGE).checkpointTo(run).run();
        assertThat(report.losses()).isEqualTo(whole.losses());
        assertThat(report.skippedSteps()).isEqualTo(whole.skippedSteps());
        assertThat(report.details().overflowedSteps()).isEqualTo(whole.skippedSteps());
        assertThat(report.details().lossScale()).isEqualTo(whole.details().lossScale());
        assertThat(TrainedValues.of(model)).usingRecursiveComparison().isEqualTo(tensors);
      }
    }
  }

  @Test
  void clippingSeesGradientsWithoutTheScale() {
    float[][] norms = new float[2][];
    for (int i = 0; i < 2; i++) {
      try (PeftModel model = model(Precision.FLOAT16)) {
        TrainingReport report =
            tuner(model)
                .clip(0.01)
                .lossScaling(LossScaling.DEFAULT.initial(i == 0 ? 1 : 4096))
                .run();
        norms[i] = new float[] {report.details().gradNorms().get(0), (float) report.finalLoss()};
      }
    }
    assertThat(norms[1][0]).isCloseTo(norms[0][0], within(0.02f * norms[0][0]));
    assertThat(norms[1][1]).isCloseTo(norms[0][1], within(0.02f));
  }

  @Test
  void aLossThatIsNotFiniteIsNoMatterOfTheScale() {
    try (PeftModel model = model(Precision.FLOAT16)) {
      NDArray scale = model.adapter(PeftModel.DEFAULT).trainables().get(0).value();
      try (NDArray large = scale.getManager().create(new float[] {1e6f})) {
        Tensors.copy(scale, large); // infinite in float16
      }
      assertThatThrownBy(() -> tuner(model).run())
          .isInstanceOf(TrainingException.class)
          .hasMessageContaining("FLOAT16, which ends at 65504");
    }
  }

  @Test
  void otherPrecisionsHaveNoScale() {
    try (PeftModel model = model(Precision.BFLOAT16)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> tuner(model).lossScaling(LossScaling.DEFAULT))
          .withMessage("lossScaling does nothing for a model in BFLOAT16; it is for FLOAT16");
      assertThat(tuner(model).steps(1).run().details().lossScale()).isEqualTo(1);
    }
  }

  private static TrainingListener onStep(Consumer<StepEvent> code) {
    return new TrainingListener() {
      @Override
      public void onStep(StepEvent event) {
        code.accept(event);
      }
    };
  }
}
