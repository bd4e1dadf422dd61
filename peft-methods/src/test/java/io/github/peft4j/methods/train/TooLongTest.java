package io.github.peft4j.methods.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.methods.Logged;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.prompttuning.PromptTuningConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingException;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.evaluation.Evaluator;
import io.github.peft4j.train.evaluation.Metrics;
import io.github.peft4j.train.evaluation.TaskEncoder;
import io.github.peft4j.train.evaluation.Truncated;
import io.github.peft4j.transformer.config.Task;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is too long is counted and said, and what the model cannot learn from is refused. */
class TooLongTest {

  @TempDir Path folder;

  private static String words(int count) {
    return "w7 ".repeat(count).strip();
  }

  private PeftModel llama() {
    return Trainings.llama(folder.resolve("llama"));
  }

  private static FineTuner tuner(PeftModel model, Example... examples) {
    return FineTuner.of(model).on(Examples.of(List.of(examples))).steps(1).quiet();
  }

  @Test
  void textsThatAreCutAreCountedAndSaidOnce() {
    try (PeftModel model = llama()) {
      TrainingReport[] report = new TrainingReport[1];
      FineTuner tuner =
          tuner(
                  model,
                  new TextExample(words(9)),
                  new TextExample(words(10)),
                  new TextExample(words(24)),
                  new TextExample(words(7)))
              .validateOn(Examples.of(new TextExample(words(31)), new TextExample(words(40))))
              .maxLength(10);
      String log = Logged.by(() -> report[0] = tuner.run());
      // An end of text is a token too.
      assertThat(report[0].truncated()).isEqualTo(new Truncated(4, 2, 0, 25, 10));
      assertThat(report[0].validationTruncated()).isEqualTo(new Truncated(2, 2, 0, 41, 10));
      assertThat(log)
          .containsOnlyOnce(
              "training data: 2 were cut of 4 examples; the longest has 25 tokens, maxLength is 10."
                  + " To keep all, raise maxLength to 25")
          .containsOnlyOnce(
              "validation data: 2 were cut of 2 examples; the longest has 41 tokens, maxLength is"
                  + " 10. The model reads 32 at most: to keep all, split the texts");
      assertThat(report[0]).asString().contains("2 of 4 examples were cut");

      String silent = Logged.by(() -> report[0] = tuner.maxLength(25).run());
      assertThat(silent).doesNotContain("training data: 2 were cut");
      assertThat(report[0].truncated().isNone()).isTrue();
    }
  }

  @Test
  void promptsAreCutAndCounted() {
    try (PeftModel model = llama()) {
      TrainingReport report =
          tuner(model, new PromptExample(words(12), " w5"), new PromptExample(words(3), " w5"))
              .maxLength(8)
              .run();
      assertThat(report.truncated()).isEqualTo(new Truncated(2, 1, 0, 14, 8));
    }
  }

  @Test
  void answersThatDoNotFitAreRefusedByRowOrLeftOut() {
    PromptExample good = new PromptExample("w3", " w5");
    PromptExample lengthy = new PromptExample("w4 ", words(12));
    try (PeftModel model = llama()) {
      assertThatThrownBy(() -> tuner(model, good, lengthy, good).maxLength(8).run())
          .isInstanceOf(DataException.class)
          .hasMessageContainingAll(
              "example 1 ('w4",
              "the answer has 13 tokens",
              "maxLength is 8. Raise it to 14",
              "skipTooLong() leaves them out");
      TrainingReport report = tuner(model, good, lengthy, good).maxLength(8).skipTooLong().run();
      assertThat(report.truncated()).isEqualTo(new Truncated(3, 0, 1, 14, 8));
      assertThatThrownBy(() -> tuner(model, lengthy).maxLength(8).skipTooLong().run())
          .hasMessageContaining("training data: 1 were left out of 1 examples");
      // Errors name rows of the data, not of what is left of it.
      assertThatThrownBy(
              () ->
                  tuner(model, lengthy, good)
                      .maxLength(8)
                      .skipTooLong()
                      .schedule(n -> step -> Double.MAX_VALUE)
                      .run())
          .isInstanceOf(TrainingException.class)
          .hasMessageContaining("examples [[1]]");
    }
  }

  @Test
  void anEncoderDecodersAnswersAreCutOrLeftOut() {
    Path base = TinyModels.copy("tiny-t5", folder.resolve("t5"));
    try (PeftModel model = Peft.load(base.toString()).adapt(LoraConfig.ofRank(2))) {
      PromptExample good = new PromptExample("w3", " w5");
      PromptExample lengthy = new PromptExample("w4 ", words(12));
      assertThat(tuner(model, good, lengthy).maxLength(8).run().truncated())
          .isEqualTo(new Truncated(2, 1, 0, 12, 8));
      assertThat(tuner(model, good, lengthy).maxLength(8).skipTooLong().run().truncated())
          .isEqualTo(new Truncated(2, 0, 1, 12, 8));
    }
  }

  @Test
  void virtualTokensLeaveFewerAndTheMessageSaysHowMany() {
    Path base = TinyModels.copy("tiny-llama", folder.resolve("base"));
    try (PeftModel model =
        Peft.load(base.toString()).adapt(PromptTuningConfig.ofVirtualTokens(20))) {
      String log = Logged.by(() -> tuner(model, new TextExample(words(20))).maxLength(32).run());
      assertThat(log).contains("maxLength is 12. The model reads 12 at most");
    }
  }

  @Test
  void anEvaluatorSaysWhatItCuts() {
    try (PeftModel model = llama()) {
      assertThat(
              Logged.by(
                  () ->
                      new Evaluator(model, 2, 10)
                          .evaluate(Examples.of(new TextExample(words(24))))))
          .contains("evaluation data: 1 were cut of 1 examples");
    }
  }

  @Test
  void evaluationTakesNoMoreTokensThanTraining() {
    try (PeftModel model = llama()) {
      Evaluator byTokens = new Evaluator(model, Integer.MAX_VALUE, 24, 32);
      var data =
          TaskEncoder.encode(
              model,
              Examples.of(
                  List.of(
                      new TextExample(words(30)),
                      new TextExample(words(3)),
                      new TextExample(words(3)),
                      new TextExample(words(5)),
                      new TextExample(words(3)),
                      new TextExample(words(11)),
                      new TextExample(words(11)))),
              32);
      assertThat(byTokens.batches(data))
          .containsExactly(new int[] {1, 2, 4, 3}, new int[] {5, 6}, new int[] {0});
      assertThat(new Evaluator(model, 3, 32).batches(data))
          .containsExactly(new int[] {1, 2, 4}, new int[] {3, 5, 6}, new int[] {0});
      double loss = byTokens.evaluate(data, () -> false).orElseThrow().get(Metrics.LOSS);
      assertThat(new Evaluator(model, 1, 32).evaluate(data, () -> false).orElseThrow())
          .satisfies(
              one ->
                  assertThat(one.get(Metrics.LOSS))
                      .isCloseTo(loss, org.assertj.core.api.Assertions.within(1e-6)));
    }
  }

  @Test
  void aSettingSaysHowManyRowsAreEvaluated() {
    try (PeftModel model = llama()) {
      FineTuner tuner =
          tuner(model, new TextExample("w3 w4"))
              .validateOn(Examples.of(new TextExample("w3 w4")))
              .batchSize(6);
      assertThat(tuner.evaluationBatchSize(2).run().evaluations()).hasSize(1);
      assertThatThrownBy(() -> tuner(model, new TextExample("w3")).evaluationBatchSize(2).run())
          .hasMessageContaining("evaluationBatchSize does nothing without validateOn");
    }
  }

  @Test
  void dataOfOneClassIsWarnedOf() {
    Path bert = TinyModels.copy("tiny-bert", folder.resolve("bert"));
    ClassificationExample yes = new ClassificationExample("w3 w4", "yes");
    Task three = Task.classification("no", "yes", "perhaps");
    try (PeftModel model = Peft.load(bert.toString(), three).adapt(LoraConfig.ofRank(2))) {
      assertThat(Logged.by(() -> tuner(model, yes, yes).run()))
          .contains("all 2 examples of the training data have the label 'yes'");
    }
  }

  @Test
  void aModelOfOneClassIsRefused() {
    assertThatThrownBy(() -> Task.classification("spam"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll("two labels or more", "[spam]");
  }
}
