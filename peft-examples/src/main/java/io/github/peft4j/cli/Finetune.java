package io.github.peft4j.cli;

import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.Samples;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.TrainingReport.Ending;
import io.github.peft4j.train.report.JsonLog;
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
@Command(
    name = "finetune",
    description = "Trains an adapter on data.",
    sortOptions = false,
    abbreviateSynopsis = true)
final class Finetune implements Callable<Integer> {

  private static final int SAMPLES = 12;

  @Mixin private final ModelOptions model = new ModelOptions();
  @Mixin private final DataOptions data = new DataOptions();
  @Mixin private final ReadingOptions reading = new ReadingOptions();
  @Mixin private final ValidationOptions validation = new ValidationOptions();
  @Mixin private final MethodOptions method = new MethodOptions();

  @Mixin private final AdapterOption adapter = new AdapterOption();

  @Mixin private final OutputOptions output = new OutputOptions();

  @Option(names = "--report", paramLabel = "FILE", description = "A page of HTML about the run.")
  private @Nullable Path report;

  @Option(
      names = "--log",
      paramLabel = "FILE",
      description = "Every step and evaluation as a line of JSON.")
  private @Nullable Path log;

  @Option(
      names = "--checkpoints",
      paramLabel = "DIR",
      description = "A folder for checkpoints, from which the same command continues.")
  private @Nullable Path checkpoints;

  @Option(
      names = "--checkpoint-every",
      paramLabel = "N",
      description = "Steps between checkpoints, instead of an epoch.")
  private @Nullable Integer checkpointEvery;

  @Mixin private final TrainingOptions training = new TrainingOptions();
  @Mixin private final LossOptions loss = new LossOptions();
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
    check(task);
    ValidationOptions.Split split = validation.split(data, read, model.seed);
    out.printf("task: %s%s%n", task, said ? "" : ", recognised by " + data.recognisedBy());
    try (PeftModel loaded =
        model.load(task.of(read.examples(), data.labels.or(adapter.labels())))) {
      if (task == DataTask.CHAT) {
        ModelOptions.require(loaded::chatTemplate);
      }
      addAdapter(loaded, split.training());
      FineTuner tuner = FineTuner.of(loaded).on(split.training());
      configure(tuner, task, loaded);
      validation.configure(tuner, split, task);
      validation.metric(tuner);
      if (dryRun) {
        int rows = show == null ? 3 : show;
        new DryRun(loaded, out).print(tuner.preview(rows), settings());
        return Cli.FINE;
      }
      return train(
          loaded,
          tuner,
          split.held().isEmpty() ? split.training() : split.held().values().iterator().next(),
          out);
    }
  }

  private void addAdapter(PeftModel loaded, Dataset<? extends Example> training) {
    if (adapter.adapter == null) {
      method.adapt(loaded, training, reading.maxLength, model.seed);
    } else {
      adapter.load(loaded);
    }
  }

  private int train(
      PeftModel loaded, FineTuner tuner, Dataset<? extends Example> shown, PrintWriter out) {
    out.println(loaded.trainableParameters());
    out.flush();
    TrainingReport result = tuner.run();
    out.println(result);
    boolean stopped = result.ending() == Ending.STOPPED;
    if (stopped) {
      out.println(
          "stopped: the adapter is not saved"
              + (checkpoints == null ? "" : "; the same command goes on from the checkpoint"));
    } else {
      Path folder = Mistakes.given("--output", output.output);
      loaded.save(folder.toString());
      out.println("adapter: " + folder);
    }
    if (report != null) { // last: if it cannot be written, the adapter is saved all the same
      result.html(report.toString(), Samples.of(loaded, shown, SAMPLES));
      out.println("report: " + report);
    }
    return stopped ? Cli.STOPPED : Cli.FINE;
  }

  private Path folder() {
    return output.folder(
        model.model,
        "an adapter",
        List.of("adapter_config.json", "adapter_model.safetensors"),
        ", or --adapter %s to train it further".formatted(output.output));
  }

  /** What would only be found after the model is loaded, or after the training. */
  private void check() {
    Mistakes.given("--model", model.model);
    Mistakes.given("--data", data.data);
    if (!dryRun || output.output != null) {
      folder();
    }
    if (show != null && show < 0) {
      throw new IllegalArgumentException("--show is " + show + ", expected 0 or more");
    }
    if (checkpointEvery != null && checkpoints == null) {
      throw new IllegalArgumentException(
          "--checkpoint-every does nothing without --checkpoints DIR: give that too");
    }
    training.check(model.where);
    validation.check();
    Mistakes.exclude("--adapter", adapter.adapter != null, "--method", method.method != null);
    Mistakes.exclude("--adapter", adapter.adapter != null, "--set", method.set != null);
    method.config();
  }

  /** Options that do nothing for a task. */
  private void check(DataTask task) {
    reading.check(task);
    loss.check(task);
    objective.check(task);
  }

  private void configure(FineTuner tuner, DataTask task, PeftModel loaded) {
    reading.configure(tuner);
    training.configure(tuner, loaded.base().device());
    loss.configure(tuner);
    Mistakes.set("--seed", model.seed, tuner::seed);
    Mistakes.set("--checkpoints", checkpoints, tuner::checkpointTo);
    Mistakes.set("--checkpoint-every", checkpointEvery, tuner::checkpointEvery);
    if (quiet) {
      tuner.quiet();
    }
    if (log != null && !dryRun) {
      tuner.listener(JsonLog.to(log));
    }
    objective.of(task, loaded).ifPresent(tuner::objective);
    if (task == DataTask.EMBEDDINGS) {
      tuner.withoutDuplicates();
    }
  }

  /** The options as they were given, and the task. */
  private Map<String, @Nullable Object> settings() {
    Map<String, @Nullable Object> given = SettingsFile.given(common.command());
    given.remove("dry-run");
    given.remove("show");
    return given;
  }
}
