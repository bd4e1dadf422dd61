package io.github.peft4j.examples;

import io.github.peft4j.PeftModel;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.evaluation.Metrics;
import io.github.peft4j.tuner.Trainable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * Trains methods one after another on one model and the same data.
 *
 * @param model the model; each adapter has the method's name
 * @param epochs number of epochs of each training
 * @param batchSize examples a step
 * @param maxLength the most tokens of an example
 * @param bucketing whether batches are made of examples of similar length
 * @param learningRate replaces the recipes' own
 */
record Comparison(
    PeftModel model,
    Dataset<ClassificationExample> train,
    Dataset<ClassificationExample> test,
    int epochs,
    int batchSize,
    int maxLength,
    int seed,
    boolean bucketing,
    OptionalDouble learningRate) {

  /**
   * The result of one method.
   *
   * @param bytes size of the adapter's files
   * @param peakMemory mebibytes, see {@link PeakMemory}
   */
  record Result(
      String method, TrainingReport report, long trainable, long bytes, OptionalLong peakMemory) {

    double accuracy() {
      return report.finalMetrics().map(m -> m.get(Metrics.ACCURACY)).orElse(Double.NaN);
    }

    double macroF1() {
      return report.finalMetrics().map(m -> m.get(Metrics.MACRO_F1)).orElse(Double.NaN);
    }

    String json(String task) {
      return String.format(
          Locale.ROOT,
          "{\"task\":\"%s\",\"method\":\"%s\",\"accuracy\":%.4f,\"macro_f1\":%.4f,"
              + "\"trainable\":%d,\"adapter_bytes\":%d,\"steps\":%d,\"seconds\":%.1f,"
              + "\"tokens_per_second\":%.0f%s}",
          task,
          method,
          accuracy(),
          macroF1(),
          trainable,
          bytes,
          report.steps(),
          report.seconds(),
          report.tokensPerSecond(),
          peakMemory.isEmpty() ? "" : ",\"peak_memory_mib\":" + peakMemory.getAsLong());
    }
  }

  /** Trains a new adapter, saves it in a subfolder, and leaves it active. */
  Result train(String method, Path folder) {
    long steps = (long) epochs * ((train.size() + batchSize - 1) / batchSize);
    Recipe plain = Recipe.of(method, model.base(), steps);
    Recipe recipe = plain.withLearningRate(learningRate.orElse(plain.learningRate()));
    model.adapt(method, recipe.config());
    System.out.printf("%n%s: %s%n", method, model.trainableParameters());
    try (PeakMemory memory = new PeakMemory(model)) {
      TrainingReport report =
          recipe
              .training(model)
              .on(train)
              .validateOn(test)
              .epochs(epochs)
              .batchSize(batchSize)
              .maxLength(maxLength)
              .seed(seed)
              .bucketByLength(bucketing)
              .run();
      System.out.println(method + ": " + report);
      model.save(method, folder);
      long trainable = model.trainables().stream().mapToLong(Trainable::size).sum();
      return new Result(method, report, trainable, bytes(folder), memory.mebibytes());
    }
  }

  /** Trains several methods. Each adapter is saved and then removed. */
  List<Result> trainAll(String task, List<String> methods, Path folder) {
    List<Result> results = new ArrayList<>();
    for (String method : methods) {
      try {
        Result result = train(method, folder.resolve(method));
        System.out.println(result.json(task));
        results.add(result);
        model.remove(method);
      } catch (UnsupportedMethodException e) {
        System.out.printf("%n%s: not on this model: %s%n", method, e.getMessage());
      }
    }
    return results;
  }

  /** Compares the methods of {@code --compare}: prints and saves the table, and plots it. */
  static void run(String task, Comparison comparison, Arguments arguments, Path out) {
    List<String> named = arguments.list("compare", "all");
    List<String> methods = named.equals(List.of("all")) ? Recipe.names() : named;
    methods.forEach(Recipe::requireKnown);
    List<Result> results = comparison.trainAll(task, methods, out);
    ComparisonChart.save(results, out.resolve("comparison.png"));
    System.out.printf("%n%s%nplotted in %s%n", table(results), out.resolve("comparison.png"));
  }

  /** The results as a table, the most accurate first. */
  static String table(List<Result> results) {
    StringBuilder table = new StringBuilder();
    table.append(
        String.format(
            "%-16s %9s %12s %10s %10s %10s%n",
            "method", "accuracy", "trainable", "file", "tokens/s", "memory"));
    results.stream()
        .sorted((a, b) -> Double.compare(b.accuracy(), a.accuracy()))
        .forEach(
            r ->
                table.append(
                    String.format(
                        Locale.ROOT,
                        "%-16s %7.2f %% %,12d %,7d kB %,10.0f %10s%n",
                        r.method(),
                        100 * r.accuracy(),
                        r.trainable(),
                        r.bytes() / 1000,
                        r.report().tokensPerSecond(),
                        r.peakMemory().isEmpty() ? "" : r.peakMemory().getAsLong() + " MiB")));
    if (results.stream().anyMatch(r -> r.peakMemory().isPresent())) {
      table.append(
          String.format(
              "memory is the peak of the whole process; PyTorch keeps what earlier methods of this"
                  + " run used.%nFor a method's own peak, run it alone.%n"));
    }
    return table.toString();
  }

  private static long bytes(Path folder) {
    try (var files = Files.list(folder)) {
      return files
          .filter(file -> file.toString().endsWith(".safetensors"))
          .mapToLong(file -> file.toFile().length())
          .sum();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
