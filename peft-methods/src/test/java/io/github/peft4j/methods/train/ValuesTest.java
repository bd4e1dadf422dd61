package io.github.peft4j.methods.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.MultiLabelExample;
import io.github.peft4j.data.RegressionExample;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.evaluation.Measure;
import io.github.peft4j.train.evaluation.Metrics;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.loss.CrossEntropy;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Training on numbers and on several labels at once. */
class ValuesTest {

  @TempDir Path folder;

  private PeftModel bert(Task task) {
    Path bert = TinyModels.copy("tiny-bert", folder.resolve("bert"));
    return Peft.load(bert.toString(), task)
        .adapt(LoraConfig.ofRank(4).targetModules("query", "value").modulesToSave("pooler"));
  }

  private static <E extends Example> Dataset<E> examples(IntFunction<E> example) {
    List<E> all = new ArrayList<>();
    for (int i = 0; i < 64; i++) {
      all.add(example.apply(i));
    }
    return new Dataset<>(all);
  }

  private static String text(int i) {
    return "w" + (5 + i % 4) + " w" + (20 + i / 4 % 4);
  }

  private static FineTuner tuner(PeftModel model, Dataset<?> data) {
    return FineTuner.of(model)
        .on(data)
        .validateOn(data)
        .epochs(30)
        .batchSize(16)
        .learningRate(1e-2)
        .keepBest()
        .quiet();
  }

  @Test
  void numbersOfPairs() {
    Dataset<RegressionExample> data =
        examples(i -> new RegressionExample("w7", text(i), i % 4 - i / 4 % 4));
    try (PeftModel model = bert(Task.regression())) {
      TrainingReport report = tuner(model, data).run();
      Metrics best = report.bestMetrics().orElseThrow();
      assertThat(best.values().keySet())
          .containsExactly("loss", "mse", "mae", "pearson", "spearmanr");
      assertThat(best.get("mse")).isLessThan(0.5).isCloseTo(best.get("loss"), within(1e-4));
      assertThat(best.get("pearson")).isGreaterThan(0.9);
      Dataset<?> classes = examples(i -> new ClassificationExample(text(i), "1"));
      assertThatThrownBy(() -> tuner(model, classes).run())
          .hasMessageContaining("texts with numbers. Read them by .text(column).score(column)");
    }
  }

  @Test
  void severalLabelsAtOnce() {
    Dataset<MultiLabelExample> data =
        examples(
            i -> {
              List<String> labels = new ArrayList<>();
              if (i % 4 < 2) {
                labels.add("odd");
              }
              if (i / 4 % 4 == 3) {
                labels.add("late");
              }
              return new MultiLabelExample(text(i), labels);
            });
    Path saved = folder.resolve("merged");
    try (PeftModel model = bert(Task.multiLabel("odd", "late", "never"))) {
      Metrics best = tuner(model, data).run().bestMetrics().orElseThrow();
      assertThat(best.values().keySet())
          .containsExactly("loss", "micro_f1", "macro_f1", "accuracy");
      assertThat(best.get("micro_f1")).isGreaterThan(0.95);
      assertThat(best.get("accuracy")).isGreaterThan(0.9);
      model.saveMerged(saved.toString());
    }
    try (PeftModel again = Peft.load(saved.toString())) {
      assertThat(again.base().task()).isEqualTo(Task.multiLabel("odd", "late", "never"));
    }
  }

  @Test
  void weightsOfClassesAndMeasuresOfOnesOwn() {
    Dataset<ClassificationExample> data =
        examples(i -> new ClassificationExample(text(i), i % 4 == 0 ? "rare" : "often"));
    Measure rare =
        Measure.of(
            "predicted_rare",
            predictions -> predictions.stream().filter(p -> p.best(0) == 1).count());
    try (PeftModel model = bert(Task.classification("often", "rare"))) {
      TrainingReport report =
          tuner(model, data)
              .objective(CrossEntropy.PLAIN.weights(List.of(0.0, 1.0)))
              .measure(rare)
              .metric("predicted_rare")
              .run();
      Map<String, Double> last =
          report.evaluations().get(report.evaluations().size() - 1).metrics().values();
      assertThat(last.get("predicted_rare")).as("the other class weighs nothing").isEqualTo(64);
      assertThat(last.get("loss")).isLessThan(0.1);
    }
  }
}
