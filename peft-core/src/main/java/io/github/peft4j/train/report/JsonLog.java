package io.github.peft4j.train.report;

import com.google.gson.JsonObject;
import io.github.peft4j.train.evaluation.Truncated;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;

/**
 * Writes every event at once, as one line with a JSON object. It appends to the file, so that a
 * resumed training continues the same log.
 *
 * <p>The field {@code event} is {@code start}, {@code step}, {@code evaluation} or {@code end}. The
 * other fields are those of the event in snake case; {@code start} has the counts of the data. A
 * number that JSON cannot represent is written as {@code "NaN"}, {@code "Infinity"} or {@code
 * "-Infinity"}.
 */
public final class JsonLog implements TrainingListener {

  private final Path path;

  private JsonLog(Path path) {
    this.path = path;
  }

  /**
   * A log in a file, which is created if it does not exist.
   *
   * @param path the file
   * @return the log
   */
  public static JsonLog to(String path) {
    return to(Path.of(path));
  }

  /**
   * A log in a file, which is created if it does not exist.
   *
   * @param path the file
   * @return the log
   */
  public static JsonLog to(Path path) {
    return new JsonLog(path);
  }

  @Override
  public void onStart(StartEvent event) {
    try {
      Path parent = path.getParent();
      if (parent != null) {
        Files.createDirectories(parent);
      }
      endLine();
    } catch (IOException e) {
      throw failed(e);
    }
    JsonObject line = line("start");
    line.addProperty("time", Instant.now().toString());
    line.addProperty("steps_done", event.stepsDone());
    line.addProperty("total_steps", event.totalSteps());
    line.addProperty("epochs", event.epochs());
    JsonObject training = counts(event.truncated());
    training.addProperty("without_labels", event.data().withoutLabels());
    training.addProperty("tokens", event.data().tokens());
    training.addProperty("rows", event.data().rows());
    add(training, "fill", event.data().fill());
    line.add("training", training);
    if (event.validationTruncated().examples() > 0) {
      line.add("validation", counts(event.validationTruncated()));
    }
    write(line);
  }

  private static JsonObject counts(Truncated truncated) {
    JsonObject counts = new JsonObject();
    counts.addProperty("examples", truncated.examples());
    counts.addProperty("cut", truncated.cut());
    counts.addProperty("left_out", truncated.leftOut());
    counts.addProperty("longest", truncated.longest());
    counts.addProperty("max_length", truncated.maxLength());
    return counts;
  }

  @Override
  public void onStep(StepEvent event) {
    JsonObject line = line("step");
    line.addProperty("step", event.step());
    line.addProperty("total_steps", event.totalSteps());
    add(line, "epoch", event.epoch());
    add(line, "loss", event.loss());
    add(line, "learning_rate", event.learningRate());
    add(line, "grad_norm", event.gradNorm());
    line.addProperty("tokens", event.tokens());
    add(line, "tokens_per_second", event.tokensPerSecond());
    if (!event.reported().isEmpty()) {
      JsonObject reported = new JsonObject();
      event.reported().forEach((name, value) -> add(reported, name, value));
      line.add("reported", reported);
    }
    write(line);
  }

  @Override
  public void onEvaluation(EvaluationEvent event) {
    JsonObject line = line("evaluation");
    line.addProperty("step", event.step());
    JsonObject metrics = new JsonObject();
    event.metrics().values().forEach((name, value) -> add(metrics, name, value));
    line.add("metrics", metrics);
    write(line);
  }

  @Override
  public void onEnd(EndEvent event) {
    JsonObject line = line("end");
    line.addProperty("time", Instant.now().toString());
    line.addProperty("step", event.step());
    line.addProperty("tokens", event.tokens());
    add(line, "seconds", event.seconds());
    write(line);
  }

  private static JsonObject line(String event) {
    JsonObject line = new JsonObject();
    line.addProperty("event", event);
    return line;
  }

  private static void add(JsonObject line, String name, double value) {
    if (Double.isFinite(value)) {
      line.addProperty(name, value);
    } else {
      line.addProperty(name, Double.toString(value));
    }
  }

  // The process may have died in the middle of a line.
  private void endLine() throws IOException {
    if (!Files.exists(path) || Files.size(path) == 0) {
      return;
    }
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.seek(file.length() - 1);
      if (file.read() != '\n') {
        file.write('\n');
      }
    }
  }

  private void write(JsonObject line) {
    try {
      Files.writeString(path, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw failed(e);
    }
  }

  private UncheckedIOException failed(IOException e) {
    return new UncheckedIOException("cannot write " + path + ": " + e, e);
  }
}
