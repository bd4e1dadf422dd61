package io.github.peft4j.examples;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.report.DataCounts;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Measures the tokens a second of trainings on a file's examples: each in a row that is padded, in
 * batches of similar length, and packed. Tokens are those that count: padding is none. A step has
 * about as many tokens in each case.
 */
final class Packed {

  private final Path model;
  private final Dataset<PromptExample> data;
  private final PeftConfig config;
  private final int batch;
  private final int length;
  private final int steps;
  private final int warmUp;

  /**
   * Creates the measurement.
   *
   * @param batch packed rows of a step
   * @param length the most tokens of a row
   * @param steps measured steps
   * @param warmUp steps before, in which the JVM compiles
   */
  Packed(
      Path model,
      Dataset<PromptExample> data,
      PeftConfig config,
      int batch,
      int length,
      int steps,
      int warmUp) {
    this.model = model;
    this.data = data;
    this.config = config;
    this.batch = batch;
    this.length = length;
    this.steps = steps;
    this.warmUp = warmUp;
  }

  /**
   * Measures a case, and returns one line of JSON.
   *
   * @param name {@code padded}, {@code by-length} or {@code packed}
   * @throws IllegalArgumentException for another name
   */
  String measure(String name) {
    if (!List.of("padded", "by-length", "packed").contains(name)) {
      throw new IllegalArgumentException("no case '" + name + "'; there are padded, by-length, packed");
    }
    try (PeftModel loaded = Peft.load(model.toString()).adapt(config)) {
      FineTuner tuner = FineTuner.of(loaded).on(data).maxLength(length).quiet();
      DataCounts packed = tuner.packing(true).batchSize(1).steps(1).run().data();
      int rows =
          name.equals("packed")
              ? batch
              : Math.max(1, Math.round(batch * (float) packed.examples() / packed.rows()));
      List<Double> rates = new ArrayList<>();
      TrainingReport report =
          tuner
              .packing(name.equals("packed"))
              .bucketByLength(name.equals("by-length"))
              .batchSize(rows)
              .steps((long) warmUp + steps)
              .listener(rates(rates))
              .run();
      List<Double> counted = rates.subList(warmUp, rates.size()).stream().sorted().toList();
      return String.format(
          Locale.ROOT,
          "{\"case\":\"%s\",\"model\":\"%s\",\"device\":\"%s\",\"precision\":\"%s\",\"batch\":%d,"
              + "\"length\":%d,\"steps\":%d,\"examples\":%d,\"tokens\":%d,\"rows\":%d,"
              + "\"fill\":%.3f,\"tokens_per_second\":%.0f}",
          name,
          model.getFileName(),
          loaded.base().device(),
          loaded.base().precision(),
          rows,
          length,
          steps,
          report.data().examples(),
          report.data().tokens(),
          report.data().rows(),
          report.data().fill(),
          counted.get(counted.size() / 2));
    }
  }

  private static TrainingListener rates(List<Double> rates) {
    return new TrainingListener() {
      @Override
      public void onStep(StepEvent event) {
        rates.add(event.tokensPerSecond());
      }
    };
  }
}
