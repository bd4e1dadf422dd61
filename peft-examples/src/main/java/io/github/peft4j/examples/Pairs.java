package io.github.peft4j.examples;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Labels;
import io.github.peft4j.data.reader.Data;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.Samples;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.transformer.config.Task;
import java.nio.file.Path;

/**
 * Teaches an encoder to judge pairs of texts: by a label, as entailment and paraphrases have one,
 * or by a number, as rerankers give it.
 *
 * <pre>
 * mvn -q compile exec:java -Dexec.mainClass=io.github.peft4j.examples.Pairs \
 *     -Dexec.args="--model DIR --data nli.jsonl --text premise --pair hypothesis --label label"
 * </pre>
 */
public final class Pairs {

  static final Program PROGRAM =
      new Program(
          "Pairs",
          "teaches an encoder to judge pairs of texts, with LoRA",
          """
          --model DIR|NAME  an encoder such as BERT: a folder, or org/name on the hub
          --data FILE       rows in a file: JSON, CSV, TSV or Parquet
          --text COLUMN     the first text
          --pair COLUMN     the second text
          [--label COLUMN]  the label of a pair, label by default
          [--score COLUMN]  the number of a pair, instead of a label
          [--held-out N]    pairs to measure with, a tenth by default
          [--rank N]        of LoRA, 8 by default
          [--epochs N]      passes over the data, 3 by default
          [--lr X]          learning rate, 1e-3 by default
          [--batch N]       pairs a step, 32 by default
          [--seed N]        42 by default
          [--out DIR]       for adapter, chart and report, target/pairs by default
          """);

  private static final int SAMPLES = 10;

  private Pairs() {}

  /** Runs it. */
  public static void main(String... args) {
    PROGRAM.main(args, Pairs::run);
  }

  static void run(Arguments arguments) {
    var pairs =
        Data.read(arguments.text("data")).text(arguments.text("text")).pair(arguments.text("pair"));
    if (!arguments.has("score")) {
      Dataset<ClassificationExample> all = pairs.label(arguments.text("label", "label"));
      train(arguments, all, Task.classification(Labels.in(all).names()));
    } else if (arguments.has("label")) {
      throw arguments.error("--label and --score exclude each other");
    } else {
      train(arguments, pairs.score(arguments.text("score")), Task.regression());
    }
  }

  private static <E extends Example> void train(Arguments arguments, Dataset<E> all, Task task) {
    int seed = arguments.integer("seed", 42);
    Dataset.Split<E> data = HeldOut.split(all, arguments, seed);
    int rank = arguments.count("rank", 8);
    try (PeftModel model = Peft.from(arguments.text("model")).task(task).seed(seed).load()) {
      Program.requireTokenizer(model);
      model.adapt(LoraConfig.ofRank(rank).loraAlpha(2.0 * rank).targetModules("all-linear"));
      TrainingReport report =
          FineTuner.of(model)
              .on(data.train())
              .validateOn(data.heldOut())
              .epochs(arguments.count("epochs", 3))
              .batchSize(arguments.count("batch", 32))
              .learningRate(arguments.number("lr", 1e-3))
              .warmup(0.06)
              .seed(seed)
              .run();
      System.out.println(report);
      Path out = Path.of(arguments.text("out", "target/pairs"));
      model.save(out.toString());
      report.chart(out.resolve("training.png").toString());
      report.html(
          out.resolve("report.html").toString(), Samples.of(model, data.heldOut(), SAMPLES));
    }
  }
}
