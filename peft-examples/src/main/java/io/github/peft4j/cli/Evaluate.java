package io.github.peft4j.cli;

import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.train.evaluation.EncodingSettings;
import io.github.peft4j.train.evaluation.Evaluator;
import io.github.peft4j.train.evaluation.Measures;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Measures a model, with an adapter or without one. */
@Command(
    name = "evaluate",
    description = "Measures a model, with or without an adapter, on data.",
    sortOptions = false,
    abbreviateSynopsis = true)
final class Evaluate implements Callable<Integer> {

  @Mixin private final ModelOptions model = new ModelOptions();
  @Mixin private final AdapterOption adapter = new AdapterOption();
  @Mixin private final DataOptions data = new DataOptions();

  @Mixin private final ReadingOptions reading = new ReadingOptions();

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      description = "Examples of a forward pass; 8 by default.")
  private int batchSize = 8;

  @Mixin private final ObjectiveOptions objective = new ObjectiveOptions();
  @Mixin private final Common common = new Common();

  @Override
  public Integer call() {
    Mistakes.given("--model", model.model);
    PrintWriter out = common.out();
    DataTask.Read read = data.read();
    DataTask task = read.task();
    reading.check(task);
    objective.check(task);
    Dataset<? extends Example> examples = read.examples();
    try (PeftModel loaded = model.load(task.of(examples, data.labels.or(adapter.labels())))) {
      adapter.load(loaded);
      EncodingSettings settings = reading.settings(loaded.base().maxPositions());
      Evaluator plain =
          Mistakes.at("--batch-size", () -> new Evaluator(loaded, batchSize, settings.maxLength()))
              .reading(settings);
      Measures measures = Measures.of(loaded.base().task()).and(ObjectiveOptions.measures(task));
      objective
          .of(task, loaded)
          .map(own -> plain.measuring(own, measures.of(own)))
          .orElse(plain)
          .evaluate(examples)
          .values()
          .forEach((name, value) -> out.printf(Locale.ROOT, "%s: %.4f%n", name, value));
    }
    out.flush();
    return Cli.FINE;
  }
}
