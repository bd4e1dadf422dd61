package io.github.peft4j.examples.bench;

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
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Measures the tokens a second of trainings on a file's examples: each in a row that is padded, in
 * batches of similar length, and packed. Tokens are those that count: padding is none. A step has
 * about as many tokens in each case.
 */
public final class Packed {

  /** Steps before those that are measured, in which the JVM compiles. */
  private static final int WARM_UP = 10;

  private final Path model;
  private final Dataset<PromptExample> data;
  private final PeftConfig config;
  private final int batch;
  private final int length;
  private final int steps;

  /**
   * Creates the measurement.
   *
   * @param batch packed rows of a step
   * @param length the most tokens of a row
   * @param steps measured steps
   */
  public Packed(
      Path model,
      Dataset<PromptExample> data,
      PeftConfig config,
      int batch,
      int length,
      int steps) {
    this.model = model;
    this.data = data;
    this.config = config;
    this.batch = batch;
    this.length = length;
    this.steps = steps;
  }

  /**
   * Measures a case, and returns one line of JSON.
   *
   * @param name {@code padded}, {@code by-length} or {@code packed}
   * @throws IllegalArgumentException for another name
   */
  public String measure(String name) {
    if (!Feed.RAGGED.contains(name)) {
      throw new IllegalArgumentException("no case '" + name + "'; there are " + Feed.RAGGED);
    }
    try (PeftModel loaded = Peft.load(model.toString()).adapt(config)) {
      FineTuner tuner = FineTuner.of(loaded).on(data).maxLength(length).quiet();
      DataCounts packed = tuner.packing(true).batchSize(1).steps(1).run().data();
      int rows =
          name.equals("packed")
              ? batch
              : Math.max(1, Math.round(batch * (float) packed.examples() / packed.rows()));
      Measured measured = new Measured();
      TrainingReport report =
          tuner
              .packing(name.equals("packed"))
              .bucketByLength(name.equals("by-length"))
              .batchSize(rows)
              .steps((long) WARM_UP + steps)
              .listener(measured)
              .run();
      return String.format(
          Locale.ROOT,
          "{\"case\":\"%s\",\"model\":\"%s\",\"device\":\"%s\",\"precision\":\"%s\",\"batch\":%d,"
              + "\"length\":%d,\"steps\":%d,\"examples\":%d,\"tokens\":%d,\"rows\":%d,"
              + "\"fill\":%.3f,\"tokens_per_second\":%.0f,"
              + "\"tokens_per_cpu_second\":%.0f}",
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
          measured.rate(),
          measured.cpuRate());
    }
  }

  /** The speed of the steps after the first ones. */
  private static final class Measured implements TrainingListener {

    private final List<Double> rates = new ArrayList<>();
    private long firstTokens;
    private Duration firstCpu = Duration.ZERO;
    private long lastTokens;
    private Duration lastCpu = Duration.ZERO;

    @Override
    public void onStep(StepEvent event) {
      lastTokens = event.tokens();
      lastCpu = ProcessHandle.current().info().totalCpuDuration().orElse(Duration.ZERO);
      if (event.step() <= WARM_UP) {
        firstTokens = lastTokens;
        firstCpu = lastCpu;
      } else {
        rates.add(event.tokensPerSecond());
      }
    }

    /** The median of the steps. */
    double rate() {
      return rates.stream().sorted().toList().get(rates.size() / 2);
    }

    /** Tokens for each second of all threads together, which other programs hardly change. */
    double cpuRate() {
      double seconds = lastCpu.minus(firstCpu).toMillis() / 1e3;
      return (lastTokens - firstTokens) / seconds;
    }
  }
}
