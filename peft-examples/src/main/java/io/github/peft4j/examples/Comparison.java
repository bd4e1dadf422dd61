package io.github.peft4j.examples;

import com.google.gson.FieldNamingPolicy;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import io.github.peft4j.PeftModel;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.io.AtomicFiles;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.evaluation.Metrics;
import io.github.peft4j.tuner.Trainable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * Trains methods on one model and the same data.
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

  private static final Gson GSON =
      new GsonBuilder()
          .setFieldNamingPolicy(FieldNamingPolicy.LOWER_CASE_WITH_UNDERSCORES)
          .serializeSpecialFloatingPointValues()
          .create();

  /**
   * The numbers of one method.
   *
   * @param adapterBytes size of the adapter's files
   * @param peakMemoryMib mebibytes, see {@link PeakMemory}; null if unknown
   */
  record Result(
      String method,
      double accuracy,
      double macroF1,
      long trainable,
      long adapterBytes,
      long steps,
      double seconds,
      double tokensPerSecond,
      @Nullable Long peakMemoryMib) {

    /** Reads what {@link #json} wrote. */
    static Result of(String json) {
      return GSON.fromJson(json, Result.class);
    }

    String json(String task) {
      JsonObject json = new JsonObject();
      json.addProperty("task", task);
      GSON.toJsonTree(this).getAsJsonObject().asMap().forEach(json::add);
      return json.toString();
    }
  }

  /** A trained method: its numbers, and the report of its training. */
  record Trained(Result result, TrainingReport report) {}

  /** Trains a new adapter, saves it in a subfolder, and leaves it active. */
  Trained train(String method, Path folder) {
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
      OptionalLong peak = memory.mebibytes();
      Result result =
          new Result(
              method,
              rounded(report.finalMetrics().map(m -> m.get(Metrics.ACCURACY)).orElse(Double.NaN)),
              rounded(report.finalMetrics().map(m -> m.get(Metrics.MACRO_F1)).orElse(Double.NaN)),
              trainable,
              bytes(folder),
              report.steps(),
              rounded(report.seconds()),
              rounded(report.tokensPerSecond()),
              peak.isPresent() ? peak.getAsLong() : null);
      return new Trained(result, report);
    }
  }

  private static double rounded(double value) {
    return Double.isFinite(value) ? Math.rint(1e4 * value) / 1e4 : value;
  }

  /** Trains one method of a comparison, and writes its numbers to the file of {@code --result}. */
  void trainForResult(String task, Arguments arguments, Path out) {
    String method = arguments.text("method");
    try {
      Result result = train(method, out).result();
      System.out.println(result.json(task));
      AtomicFiles.writeText(Path.of(arguments.text("result")), result.json(task));
    } catch (UnsupportedMethodException e) {
      System.out.printf("%n%s: not on this model: %s%n", method, e.getMessage());
    }
  }

  /**
   * Compares the methods of {@code --compare}: trains each in a process of its own, prints and
   * saves the table, and plots it.
   */
  static void run(Class<?> program, Arguments arguments, Path out) {
    List<String> named = arguments.list("compare", "all");
    List<String> methods = named.equals(List.of("all")) ? Recipe.names() : named;
    methods.forEach(Recipe::requireKnown);
    MethodProcesses processes = new MethodProcesses(program, arguments);
    List<Result> results =
        methods.stream()
            .flatMap(method -> processes.train(method, out.resolve(method)).stream())
            .toList();
    Path plot = out.resolve("comparison.png");
    ComparisonChart.save(results, plot);
    System.out.printf("%n%s%nplotted in %s%n", table(results), plot);
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
                        r.adapterBytes() / 1000,
                        r.tokensPerSecond(),
                        r.peakMemoryMib() == null ? "" : r.peakMemoryMib() + " MiB")));
    if (results.stream().anyMatch(r -> r.peakMemoryMib() != null)) {
      table.append(
          String.format("memory is the peak of a process that trains this method alone.%n"));
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
