package io.github.peft4j.methods.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.metrics.text.Rouge;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.evaluation.GeneratedTextMeasure;
import io.github.peft4j.train.evaluation.Metrics;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** ROUGE and BLEU of what a model writes, as measures of a training. */
class GeneratedTextMeasureTest {

  @TempDir Path folder;

  @Test
  void answersAreGeneratedAndCompared() {
    GenerationConfig config = GenerationConfig.greedy().maxNewTokens(4);
    Dataset<PromptExample> data = Trainings.prompts(6, "w5 w6 w7 w8");
    try (PeftModel model = Trainings.llama(folder.resolve("llama"))) {
      TrainingReport report =
          FineTuner.of(model)
              .on(data)
              .validateOn(data)
              .epochs(20)
              .learningRate(2e-2)
              .measure(new GeneratedTextMeasure(config, 4))
              .metric("rouge1")
              .keepBest()
              .quiet()
              .run();
      Metrics best = report.bestMetrics().orElseThrow();
      assertThat(best.values().keySet())
          .containsExactly("loss", "perplexity", "rouge1", "rouge2", "rougeL", "rougeLsum", "bleu");
      assertThat(best.get("rouge1")).isGreaterThan(50);
      List<List<String>> answers =
          data.examples().stream().map(example -> List.of(example.answer())).toList();
      List<String> texts =
          data.examples().stream()
              .map(example -> model.generate(example.prompt(), config).text().strip())
              .toList();
      double rouge1 =
          Rouge.standard().mean(answers, texts).values().getOrDefault("rouge1", Double.NaN);
      assertThat(best.get("rouge1")).isCloseTo(rouge1, within(1e-6));
      Dataset<TextExample> plain = new Dataset<>(List.of(new TextExample("w5 w6")));
      assertThatThrownBy(
              () ->
                  FineTuner.of(model)
                      .on(plain)
                      .validateOn(plain)
                      .steps(1)
                      .measure(new GeneratedTextMeasure(config))
                      .quiet()
                      .run())
          .hasMessageContaining("there is a TextExample");
    }
  }
}
