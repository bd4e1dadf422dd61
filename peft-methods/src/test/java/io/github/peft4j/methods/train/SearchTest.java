package io.github.peft4j.methods.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.RegressionExample;
import io.github.peft4j.data.TokensExample;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingException;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.TrainingReport.Ending;
import io.github.peft4j.train.evaluation.Evaluator;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import io.github.peft4j.train.search.RateRange;
import io.github.peft4j.train.search.Search;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.loss.CrossEntropy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which settings to train with; and class weights, label smoothing, listeners that stop. */
class SearchTest {

  private static final Dataset<PromptExample> PROMPTS = Trainings.prompts(16, "w30 w31");

  @TempDir Path folder;
  private Path base;

  @BeforeEach
  void copy() {
    base = TinyModels.copy("tiny-llama", folder.resolve("llama"));
  }

  private static LoraConfig lora(int rank) {
    return LoraConfig.ofRank(rank).targetModules("all-linear");
  }

  private Search search(PeftModel model, List<Long> trained) {
    return Search.of(
            model,
            folder.resolve("search").toString(),
            tuner ->
                tuner
                    .on(PROMPTS)
                    .validateOn(PROMPTS)
                    .epochs(2)
                    .quiet()
                    .listener(Trainings.onStep(event -> trained.add(event.step()))))
        .attempt("slow", lora(2), tuner -> tuner.learningRate(1e-5))
        .attempt("fast", lora(4), tuner -> tuner.learningRate(2e-2))
        .attempt("wild", lora(2), tuner -> tuner.schedule(n -> step -> 1e38).clip(0));
  }

  @Test
  void theBestAttemptIsFoundAndASearchGoesOn() {
    List<Long> trained = new ArrayList<>();
    double best;
    try (PeftModel model = Peft.load(base.toString())) {
      Search.Result result = search(model, trained).run();
      assertThat(result.metric()).isEqualTo("loss");
      assertThat(result.trials()).extracting(Search.Trial::name).containsExactly("fast", "slow");
      assertThat(result.diverged()).containsOnlyKeys("wild");
      assertThat(result.best().metric()).isLessThan(result.trials().get(1).metric());
      assertThat(result.best().trainable()).isEqualTo(2 * result.trials().get(1).trainable());
      assertThat(result.toString().lines().toList())
          .hasSize(4)
          .satisfies(
              lines -> {
                assertThat(lines.get(0)).startsWith("attempt").contains("loss", "trainable");
                assertThat(lines.get(1)).startsWith("fast");
                assertThat(lines.get(3)).isEqualTo("wild  no result");
              });
      assertThat(model.adapters()).containsOnlyKeys("fast");
      assertThat(model.active().adapters()).containsExactly("fast");
      best = result.best().metric();
    }
    trained.clear();
    try (PeftModel model = Peft.load(base.toString())) {
      Search.Result again = search(model, trained).run();
      assertThat(again.best().name()).isEqualTo("fast");
      assertThat(again.best().metric()).isEqualTo(best);
      assertThat(trained).hasSizeLessThanOrEqualTo(1); // the step that diverges, at most
    }
  }

  @Test
  void aSearchSaysWhatIsMissing() {
    try (PeftModel model = Peft.load(base.toString())) {
      String out = folder.resolve("search").toString();
      assertThatThrownBy(() -> Search.of(model, out, tuner -> tuner.on(PROMPTS)).run())
          .hasMessage("nothing to try: call attempt(name, config)");
      assertThatThrownBy(
              () -> Search.of(model, out, tuner -> tuner.on(PROMPTS)).attempt("a", lora(2)).run())
          .hasMessage("nothing is evaluated: call validateOn(examples)");
      assertThatThrownBy(() -> search(model, new ArrayList<>()).attempt("slow", lora(2)))
          .hasMessage("there are two attempts of the name 'slow'");
      assertThatThrownBy(() -> search(model, new ArrayList<>()).attempt("../x", lora(2)))
          .hasMessageStartingWith("attempt '../x': expected letters");
      model.adapt(lora(2));
      assertThatThrownBy(() -> search(model, new ArrayList<>()))
          .hasMessageStartingWith("the model has adapters, [default]; expected none");
    }
  }

  @Test
  void attemptsWithoutANumberToCompareHaveNoResult() {
    Dataset<RegressionExample> data =
        Examples.of(List.of(new RegressionExample("a", 1), new RegressionExample("b c", 1)));
    Path bert = TinyModels.copy("tiny-bert", folder.resolve("bert"));
    try (PeftModel model = Peft.load(bert.toString(), Task.regression())) {
      Search search =
          Search.of(
                  model,
                  folder.resolve("constant").toString(),
                  tuner -> tuner.on(data).validateOn(data).steps(2).metric("pearson").quiet())
              .attempt("one", LoraConfig.ofRank(2).targetModules("query"));
      assertThatThrownBy(search::run)
          .isInstanceOf(TrainingException.class)
          .hasMessage(
              "no attempt has a result: {one=no evaluation has a finite pearson and loss, so that this attempt cannot be compared}");
      assertThat(model.adapters()).isEmpty();
    }
  }

  @Test
  void whatCannotBeMeasuredOrWrittenIsRefusedBeforeTheFirstStep() throws Exception {
    Path file = Files.writeString(folder.resolve("file"), "x");
    try (PeftModel model = Peft.load(base.toString()).adapt(lora(2))) {
      FineTuner tuner = FineTuner.of(model).on(PROMPTS).steps(1).quiet();
      assertThatThrownBy(() -> tuner.checkpointTo(file.resolve("run")).run())
          .hasMessage(
              "checkpointTo(%s): %s is not a folder, expected a folder that can be written to; take another one",
              file.resolve("run"), file);
    }
    Path bert =
        Path.of(
            Objects.requireNonNull(getClass().getResource("/golden-task-training/tagger")).toURI());
    try (PeftModel model =
        Peft.load(bert.toString(), Task.tokenClassification(List.of("O", "B-A")))
            .adapt(LoraConfig.ofRank(2).targetModules("query"))) {
      FineTuner tuner =
          FineTuner.of(model)
              .on(Examples.of(List.of(new TokensExample(List.of("cat"), List.of("B-A")))))
              .validateOn(Examples.of(List.of(new TokensExample(List.of("\u200b"), List.of("O")))))
              .steps(1)
              .quiet();
      assertThatThrownBy(tuner::run)
          .hasMessageContaining(
              "none of the 1 examples of the validation data has a label that counts");
    }
  }

  @Test
  void lossesBelowZeroDoNotEndARangeTest() {
    Objective shifted = outputs -> outputs.sum(CrossEntropy.PLAIN).sub(1000);
    try (PeftModel model = Peft.load(base.toString())) {
      RateRange range =
          RateRange.test(
              model, lora(2), tuner -> tuner.on(PROMPTS).objective(shifted).quiet(), 1e-6, 1e-3, 5);
      assertThat(range.points()).hasSize(5).allMatch(point -> point.loss() < 0);
    }
  }

  @Test
  void aRangeTestGivesLossesByRate() {
    try (PeftModel model = Peft.load(base.toString())) {
      RateRange range =
          RateRange.test(model, lora(4), t -> t.on(PROMPTS).batchSize(4).quiet(), 1e-5, 10, 40);
      List<RateRange.Point> points = range.points();
      assertThat(points.get(0).rate()).isEqualTo(1e-5, within(1e-12));
      assertThat(points.get(1).rate() / points.get(0).rate())
          .isEqualTo(Math.pow(1e6, 1 / 39.0), within(1e-9));
      assertThat(points.get(0).mean()).isEqualTo(points.get(0).loss(), within(1e-12));
      assertThat(range.suggestion()).isBetween(1e-4, 1.0);
      assertThat(range.toString()).startsWith("rate").contains("suggestion: ");
      assertThat(model.adapters()).isEmpty();
      assertThatThrownBy(() -> RateRange.test(model, lora(4), t -> t.on(PROMPTS), 1, 0.1, 9))
          .hasMessage(
              "rates from 1.0 to 0.1 in 9 steps; expected 0 < from < to, and 2 steps or more");
    }
  }

  @Test
  void aListenerStopsARun() {
    TrainingListener impatient =
        new TrainingListener() {
          private long step;

          @Override
          public void onStep(StepEvent event) {
            step = event.step();
          }

          @Override
          public boolean stops() {
            return step == 3;
          }
        };
    try (PeftModel model = Trainings.llama(base)) {
      TrainingReport report =
          FineTuner.of(model).on(PROMPTS).batchSize(2).listener(impatient).quiet().run();
      assertThat(report.steps()).isEqualTo(3);
      assertThat(report.ending()).isEqualTo(Ending.STOPPED);
    }
  }

  @Test
  void severalSetsAreMeasuredByName() {
    Dataset<PromptExample> others = Trainings.prompts(5, "w9");
    try (PeftModel model = Trainings.llama(base)) {
      FineTuner tuner =
          FineTuner.of(model)
              .on(PROMPTS)
              .validateOn("dev", PROMPTS)
              .validateOn("other", others)
              .epochs(2)
              .learningRate(1e-2)
              .quiet();
      TrainingReport report = tuner.keepBest().run();
      Map<String, Double> metrics = report.finalMetrics().orElseThrow().values();
      assertThat(metrics)
          .containsOnlyKeys("dev/loss", "dev/perplexity", "other/loss", "other/perplexity");
      assertThat(metrics.get("dev/loss"))
          .isEqualTo(new Evaluator(model, 4, 64).evaluate(PROMPTS).get("loss"), within(1e-5));
      assertThat(metrics.get("other/loss"))
          .isEqualTo(new Evaluator(model, 4, 64).evaluate(others).get("loss"), within(1e-5));
      assertThat(report.bestStep()).isEqualTo(4); // by the first set, which is learnt
      assertThat(tuner.decidingMetric()).isEqualTo("dev/loss");
      assertThat(tuner.metric("other/loss").decidingMetric()).isEqualTo("other/loss");
      assertThat(tuner.measures().isLowerBetter("other/loss")).isTrue();
      assertThatThrownBy(() -> tuner.metric("loss").run()).hasMessageContaining("dev/perplexity");
      assertThatThrownBy(() -> tuner.validateOn("dev", others))
          .hasMessage("there are two sets of validation data of the name 'dev'");
    }
  }

  private PeftModel classifier() {
    Path bert = folder.resolve("bert");
    if (!Files.exists(bert)) {
      TinyModels.copy("tiny-bert", bert);
    }
    return Peft.load(bert.toString(), Task.classification("a", "b", "c"))
        .adapt(LoraConfig.ofRank(2).targetModules("query").loraDropout(0));
  }

  private static Dataset<ClassificationExample> classes() {
    List<ClassificationExample> examples = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      String label = i < 5 ? "a" : i < 7 ? "b" : "c";
      examples.add(new ClassificationExample("w" + (3 + i) + " w" + (20 - i), null, label));
    }
    return Examples.of(examples);
  }

  private double firstLoss(UnaryOperator<FineTuner> settings) {
    try (PeftModel model = classifier()) {
      FineTuner tuner = FineTuner.of(model).on(classes()).batchSize(8).epochs(1).quiet();
      return settings.apply(tuner).run().losses().get(0);
    }
  }

  /** scikit-learn: compute_class_weight("balanced", …) = [8 / 15, 8 / 6, 8 / 3]. */
  @Test
  void balancedWeightsAreThoseOfScikitLearn() {
    double balanced = firstLoss(FineTuner::balancedClassWeights);
    assertThat(firstLoss(t -> t.classWeights(8 / 15.0, 8 / 6.0, 8 / 3.0)))
        .isEqualTo(balanced, within(1e-9));
    assertThat(firstLoss(t -> t.classWeights(Map.of("b", 8 / 6.0, "c", 8 / 3.0, "a", 8 / 15.0))))
        .isEqualTo(balanced, within(1e-9));
    assertThat(firstLoss(t -> t)).isNotCloseTo(balanced, within(1e-4));
    assertThat(firstLoss(t -> t.labelSmoothing(0.2))).isNotCloseTo(firstLoss(t -> t), within(1e-4));
  }

  @Test
  void whereSettingsDoNotApplyTheyAreRefused() {
    assertThatThrownBy(() -> firstLoss(t -> t.classWeights(1, 2)))
        .hasMessage("the class weights are 2 numbers, but the model has 3 classes: [a, b, c]");
    assertThatThrownBy(() -> firstLoss(t -> t.classWeights(Map.of("a", 1.0, "x", 2.0))))
        .hasMessageStartingWith(
            "the class weights name [a, x], but the model's classes are [a, b, c]");
    assertThatThrownBy(
            () ->
                firstLoss(
                    t ->
                        t.on(Examples.of(new ClassificationExample("w3", null, "b")))
                            .balancedClassWeights()))
        .hasMessageStartingWith("no training example has a label of [a, c]");
    assertThatThrownBy(
            () -> firstLoss(t -> t.labelSmoothing(0.1).objective((logits, labels) -> logits)))
        .hasMessageStartingWith("labelSmoothing does nothing with objective(");
    assertThatThrownBy(() -> firstLoss(t -> t.labelSmoothing(1)))
        .hasMessage("labelSmoothing is 1.0, expected in [0, 1)");
    try (PeftModel model = Trainings.llama(base)) {
      assertThatThrownBy(() -> FineTuner.of(model).on(PROMPTS).balancedClassWeights().quiet().run())
          .hasMessageStartingWith("class weights are for models that classify texts or tokens");
    }
  }
}
