package io.github.peft4j.train.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.train.evaluation.Metrics;
import io.github.peft4j.train.evaluation.Truncated;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ListenersTest {

  @TempDir Path folder;

  private final AtomicLong nanos = new AtomicLong();
  private final ByteArrayOutputStream printed = new ByteArrayOutputStream();

  private static StepEvent step(long step, long totalSteps, double loss) {
    return new StepEvent(step, totalSteps, 0.5, loss, 2e-4, 1.25, step * 100, 1234.5, Map.of());
  }

  private static EvaluationEvent evaluation(long step, double loss, double accuracy) {
    Map<String, Double> values = new LinkedHashMap<>();
    values.put(Metrics.LOSS, loss);
    values.put(Metrics.ACCURACY, accuracy);
    values.put(Metrics.MACRO_F1, accuracy);
    return new EvaluationEvent(step, new Metrics(values));
  }

  private ProgressBar progressBar(boolean terminal) {
    PrintStream out = new PrintStream(printed, true, StandardCharsets.UTF_8);
    return new ProgressBar(out, terminal, nanos::get);
  }

  private void train(TrainingListener listener, int steps) {
    listener.onStart(start(0, steps, 1));
    for (int i = 1; i <= steps; i++) {
      nanos.addAndGet(TimeUnit.SECONDS.toNanos(1));
      listener.onStep(step(i, steps, 1.0 / i));
    }
    listener.onEvaluation(evaluation(steps, 0.25, 0.5));
    listener.onEnd(new EndEvent(steps, steps * 100L, steps));
  }

  @Test
  void progressWithoutATerminalIsALineEveryFewSeconds() {
    train(progressBar(false), 13);

    assertThat(printed.toString(StandardCharsets.UTF_8).lines())
        .containsExactly(
            "step 1/13, epoch 0.50, loss 1.0000, lr 2.00e-04, grad norm 1.25, 1,235 tokens/s, 0:12"
                + " left",
            "step 6/13, epoch 0.50, loss 0.1667, lr 2.00e-04, grad norm 1.25, 1,235 tokens/s, 0:07"
                + " left",
            "step 11/13, epoch 0.50, loss 0.0909, lr 2.00e-04, grad norm 1.25, 1,235 tokens/s, 0:02"
                + " left",
            "step 13/13, epoch 0.50, loss 0.0769, lr 2.00e-04, grad norm 1.25, 1,235 tokens/s, 0:00"
                + " left",
            "step 13, validation: loss 0.2500, accuracy 0.5000, macro_f1 0.5000",
            "13 steps, 1,300 tokens in 0:13");
    assertThat(printed.toString(StandardCharsets.UTF_8)).doesNotContain("\r", "\u001b");
  }

  @Test
  void progressOnATerminalIsRedrawn() {
    train(progressBar(true), 2);

    List<String> drawn = List.of(printed.toString(StandardCharsets.UTF_8).split("\r|\\R"));
    assertThat(drawn.get(1)).startsWith("[==========          ] step 1/2, ").endsWith("0:01 left");
    assertThat(drawn.get(2)).startsWith("[====================] step 2/2, ");
    assertThat(drawn.get(3)).startsWith("step 2, validation: ").hasSameSizeAs(drawn.get(2));
  }

  @Test
  void timeLeftOfATrainingThatGoesOnCountsItsOwnStepsAlone() {
    ProgressBar bar = progressBar(false);
    bar.onStart(start(90, 100, 1));
    nanos.addAndGet(TimeUnit.SECONDS.toNanos(10));
    bar.onStep(step(91, 100, 1));

    assertThat(printed.toString(StandardCharsets.UTF_8))
        .startsWith("going on after step 90 of 100")
        .contains("1:30 left");
    assertThat(ProgressBar.time(3661)).isEqualTo("1:01:01");
  }

  @Test
  void jsonLogHasALineForEachEvent() throws IOException {
    Path file = folder.resolve("new/log.jsonl");
    train(JsonLog.to(file.toString()), 2);

    List<JsonObject> lines = parse(file);
    assertThat(lines)
        .extracting(line -> line.get("event").getAsString())
        .containsExactly("start", "step", "step", "evaluation", "end");
    assertThat(lines.get(2).get("loss").getAsDouble()).isEqualTo(0.5);
    assertThat(lines.get(2).get("learning_rate").getAsDouble()).isEqualTo(2e-4);
    assertThat(lines.get(2).get("grad_norm").getAsDouble()).isEqualTo(1.25);
    assertThat(lines.get(2).get("tokens_per_second").getAsDouble()).isEqualTo(1234.5);
    assertThat(lines.get(3).getAsJsonObject("metrics").get("accuracy").getAsDouble())
        .isEqualTo(0.5);
  }

  @Test
  void jsonLogGoesOnAfterAHalfWrittenLine() throws IOException {
    Path file = Files.writeString(folder.resolve("log"), "{\"event\":\"end\"}\n{\"eve");
    JsonLog log = JsonLog.to(file);
    log.onStart(start(5, 9, 3));
    log.onStep(step(6, 9, Double.NaN));

    List<String> lines = Files.readAllLines(file);
    assertThat(lines).hasSize(4);
    assertThat(lines.get(1)).isEqualTo("{\"eve");
    assertThat(lines.get(2))
        .contains(
            "\"training\":{\"examples\":8,\"cut\":2,\"left_out\":1,\"longest\":20,\"max_length\":16,")
        .contains("\"without_labels\":1,\"tokens\":60,\"rows\":3,\"fill\":0.5}")
        .doesNotContain("validation");
    assertThat(lines.get(3)).contains("\"loss\":\"NaN\"");
    assertThatThrownBy(() -> JsonLog.to(folder).onStart(start(0, 1, 1)))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining(folder.toString());
  }

  private static List<JsonObject> parse(Path file) throws IOException {
    return Files.readAllLines(file).stream()
        .map(line -> JsonParser.parseString(line).getAsJsonObject())
        .toList();
  }

  @Test
  void chartIsAnImageAndLeavesNothingElse() throws IOException {
    Path file = folder.resolve("runs/loss.png");
    TrainingChart chart = TrainingChart.savedTo(file.toString());
    Random random = new Random(1);
    for (int i = 1; i <= 3000; i++) {
      double loss = 0.3 + 2 * Math.exp(-i / 500.0) + 0.2 * random.nextGaussian();
      chart.onStep(step(i, 3000, i == 1700 ? Double.POSITIVE_INFINITY : loss));
      if (i % 500 == 0) {
        chart.onEvaluation(
            evaluation(i, 0.4 + 2 * Math.exp(-i / 450.0), 0.95 - 0.5 * Math.exp(-i / 700.0)));
      }
    }
    chart.onEnd(new EndEvent(3000, 1, 1));

    BufferedImage image = ImageIO.read(file.toFile());
    assertThat(image.getWidth()).isEqualTo(2000);
    try (Stream<Path> files = Files.list(folder.resolve("runs"))) {
      assertThat(files).containsExactly(file);
    }
  }

  @Test
  void chartOfLossAlone() throws IOException {
    TrainingChart chart = new TrainingChart();
    assertThatThrownBy(() -> chart.save(folder.resolve("x.png").toString()))
        .isInstanceOf(IllegalStateException.class);
    chart.onStep(step(1, 1, Double.NaN));
    chart.save(folder.resolve("nan.png"));
    chart.onStep(step(2, 2, 1.5));
    chart.save(folder.resolve("one.png"));
    chart.save(folder.resolve("one.png"));
    assertThat(ImageIO.read(folder.resolve("one.png").toFile())).isNotNull();
  }

  @Test
  void aChartThatCannotBeSavedDoesNotEndTheTraining() {
    TrainingChart chart = TrainingChart.savedTo(folder);
    chart.onStep(step(1, 1, 1));
    chart.onEnd(new EndEvent(1, 1, 1));
  }

  private static StartEvent start(long done, long total, int epochs) {
    return new StartEvent(
        done,
        total,
        epochs,
        new DataCounts(7, 1, 60, 3, 0.5),
        new Truncated(8, 2, 1, 20, 16),
        Truncated.none(16));
  }
}
