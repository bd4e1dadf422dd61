package io.github.peft4j.cli;

import io.github.peft4j.PeftModel;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.Samples;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.TrainingReport.Ending;
import io.github.peft4j.train.report.Sample;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Trains an adapter. The defaults that are not said are those of {@link FineTuner}. */
@Command(name = "finetune", description = "Trains an adapter on data.", sortOptions = false)
final class Finetune implements Callable<Integer> {

  private static final int SAMPLES = 12;

  @Mixin private final ModelOptions model = new ModelOptions();
  @Mixin private final DataOptions data = new DataOptions();

  @Option(names = "--validation", paramLabel = "FILE", description = "Examples to measure with.")
  private @Nullable List<String> validation;

  @Mixin private final MethodOptions method = new MethodOptions();

  @Option(names = "--output", paramLabel = "DIR", description = "The folder for the adapter.")
  private @Nullable Path output;

  @Option(names = "--report", paramLabel = "FILE", description = "A page of HTML about the run.")
  private @Nullable Path report;

  @Option(
      names = "--checkpoints",
      paramLabel = "DIR",
      description = "A folder for checkpoints, from which the same command continues.")
  private @Nullable Path checkpoints;

  @Option(names = "--epochs", paramLabel = "N", description = "Passes over the data; 3 by default.")
  private @Nullable Integer epochs;

  @Option(names = "--steps", paramLabel = "N", description = "Optimizer steps, instead of epochs.")
  private @Nullable Long steps;

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      description = "Examples, or packed rows, of a forward pass; 8 by default.")
  private @Nullable Integer batchSize;

  @Option(
      names = "--accumulate",
      paramLabel = "N",
      description = "Batches of a step; 1 by default.")
  private @Nullable Integer accumulate;

  @Option(
      names = "--learning-rate",
      paramLabel = "X",
      description = "The peak of the learning rate; 2e-4 by default.")
  private @Nullable Double learningRate;

  @Option(
      names = "--warmup",
      paramLabel = "X",
      description = "The part of the steps in which the rate rises, from 0 to 1; 0 by default.")
  private @Nullable Double warmup;

  @Option(
      names = "--max-length",
      paramLabel = "N",
      description = "The most tokens of an example; by default the model's, at most 512.")
  private @Nullable Integer maxLength;

  @Option(names = "--packing", description = "Puts several examples into a row.")
  private boolean packing;

  @Option(names = "--recompute", description = "Takes less memory and more time.")
  private boolean recompute;

  @Option(
      names = "--label-smoothing",
      paramLabel = "X",
      description = "How much of each label is spread over all classes; 0 by default.")
  private @Nullable Double labelSmoothing;

  @Mixin private final ObjectiveOptions objective = new ObjectiveOptions();

  @Option(names = "--quiet", description = "Shows no progress bar.")
  private boolean quiet;

  @Option(
      names = "--dry-run",
      description = "Shows what would be trained, as the model sees it, and trains nothing.")
  private boolean dryRun;

  @Option(
      names = "--show",
      paramLabel = "N",
      description = "Rows that --dry-run shows; 3 by default.")
  private @Nullable Integer show;

  @Mixin private final Common common = new Common();

  @Override
  public Integer call() {
    check();
    PrintWriter out = common.out();
    boolean said = data.task != null;
    DataTask.Read read = data.read();
    DataTask task = read.task();
    out.printf("task: %s%s%n", task, said ? "" : ", recognised by the columns of the data");
    try (PeftModel loaded = model.load(task.of(read.examples(), List.of()))) {
      if (task == DataTask.CHAT) {
        ModelOptions.require(loaded::chatTemplate);
      }
      Mistakes.at(method.set == null ? "--method" : "--set", () -> loaded.adapt(method.config()));
      FineTuner tuner = FineTuner.of(loaded).on(read.examples());
      Dataset<? extends Example> held =
          validation == null ? null : data.read("--validation", validation, task);
      if (held != null) {
        tuner.validateOn(held);
      }
      configure(tuner, task, loaded);
      if (dryRun) {
        int rows = show == null ? 3 : show;
        new DryRun(loaded, out).print(tuner.preview(rows), settings());
        return Cli.FINE;
      }
      return train(loaded, tuner, held == null ? read.examples() : held, out);
    }
  }

  private int train(
      PeftModel loaded, FineTuner tuner, Dataset<? extends Example> shown, PrintWriter out) {
    out.println(loaded.trainableParameters());
    out.flush();
    TrainingReport result = tuner.run();
    out.println(result);
    if (report != null) {
      result.html(report.toString(), samples(loaded, shown));
      out.println("report: " + report);
    }
    if (result.ending() == Ending.STOPPED) {
      out.println(
          "stopped: the adapter is not saved"
              + (checkpoints == null ? "" : "; the same command goes on from the checkpoint"));
      return Cli.STOPPED;
    }
    Path folder = Mistakes.given("--output", output);
    loaded.save(folder.toString());
    out.println("adapter: " + folder);
    return Cli.FINE;
  }

  /** What would only be found after the model is loaded, or after the training. */
  private void check() {
    Mistakes.given("--model", model.model);
    Mistakes.given("--data", data.data);
    if (!dryRun) {
      Mistakes.given("--output", output);
    }
    if (epochs != null && steps != null) {
      throw new IllegalArgumentException("--epochs and --steps exclude each other: give one");
    }
    if (show != null && show < 0) {
      throw new IllegalArgumentException("--show is " + show + ", expected 0 or more");
    }
    method.config();
  }

  private void configure(FineTuner tuner, DataTask task, PeftModel loaded) {
    Mistakes.set("--epochs", epochs, tuner::epochs);
    Mistakes.set("--steps", steps, tuner::steps);
    Mistakes.set("--batch-size", batchSize, tuner::batchSize);
    Mistakes.set("--accumulate", accumulate, tuner::accumulate);
    Mistakes.set("--learning-rate", learningRate, tuner::learningRate);
    Mistakes.set("--warmup", warmup, tuner::warmup);
    Mistakes.set("--max-length", maxLength, tuner::maxLength);
    Mistakes.set("--seed", model.seed, tuner::seed);
    Mistakes.set("--checkpoints", checkpoints, tuner::checkpointTo);
    tuner.packing(packing).recompute(recompute);
    if (quiet) {
      tuner.quiet();
    }
    Mistakes.set("--label-smoothing", labelSmoothing, tuner::labelSmoothing);
    objective.of(task, loaded).ifPresent(tuner::objective);
    if (task == DataTask.EMBEDDINGS) {
      tuner.withoutDuplicates();
    }
    if (validation != null) {
      ObjectiveOptions.measures(task).forEach(tuner::measure);
    }
  }

  /** Samples of the examples that have an answer to compare with. */
  private static List<Sample> samples(PeftModel model, Dataset<? extends Example> examples) {
    Example first = examples.get(0);
    return first instanceof PromptExample || first instanceof ClassificationExample
        ? Samples.of(model, examples, SAMPLES)
        : List.of();
  }

  /** The options as they were given, and the task. */
  private Map<String, @Nullable Object> settings() {
    Map<String, @Nullable Object> given = SettingsFile.given(common.command());
    given.remove("dry-run");
    given.remove("show");
    return given;
  }
}
