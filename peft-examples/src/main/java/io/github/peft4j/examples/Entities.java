package io.github.peft4j.examples;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Labels;
import io.github.peft4j.data.TokensExample;
import io.github.peft4j.data.reader.Conll;
import io.github.peft4j.data.reader.Data;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.Samples;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.translate.Entity;
import java.nio.file.Path;
import java.util.List;

/**
 * Teaches an encoder to find entities, such as names, from sentences whose words have tags. The
 * measures are those of seqeval.
 *
 * <pre>
 * mvn -q compile exec:java -Dexec.mainClass=io.github.peft4j.examples.Entities \
 *     -Dexec.args="--model DIR --data train.conll --find 'Ada lived in London.'"
 * </pre>
 */
public final class Entities {

  static final Program PROGRAM =
      new Program(
          "Entities",
          "teaches an encoder to find entities, with LoRA",
          """
          --model DIR|NAME   an encoder such as BERT: a folder, or org/name on the hub
          --data FILE        sentences with tags: CoNLL, one word a line, or with --words a table
          [--words COLUMN]   the column of the words, if the file is JSON, CSV, TSV or Parquet
          [--tags COLUMN]    the column of the tags, tags by default
          [--held-out N]     sentences to measure with, a tenth by default
          [--rank N]         of LoRA, 8 by default
          [--epochs N]       passes over the data, 5 by default
          [--lr X]           learning rate, 1e-3 by default
          [--batch N]        sentences a step, 16 by default
          [--find TEXT]      a text whose entities are printed after the training
          [--seed N]         42 by default
          [--out DIR]        for adapter, chart and report, target/entities by default
          """);

  private Entities() {}

  /** Runs it. */
  public static void main(String... args) {
    PROGRAM.main(args, Entities::run);
  }

  static void run(Arguments arguments) {
    int seed = arguments.integer("seed", 42);
    Dataset<TokensExample> all = read(arguments);
    List<String> tags = Labels.inTags(all).names();
    System.out.println("tags: " + tags);
    Dataset.Split<TokensExample> data = HeldOut.split(all, arguments, seed);
    int rank = arguments.count("rank", 8);
    try (PeftModel model =
        Peft.from(arguments.text("model")).task(Task.tokenClassification(tags)).seed(seed).load()) {
      Program.requireTokenizer(model);
      model.adapt(LoraConfig.ofRank(rank).loraAlpha(2.0 * rank).targetModules("all-linear"));
      TrainingReport report =
          FineTuner.of(model)
              .on(data.train())
              .validateOn(data.heldOut())
              .epochs(arguments.count("epochs", 5))
              .batchSize(arguments.count("batch", 16))
              .learningRate(arguments.number("lr", 1e-3))
              .warmup(0.06)
              .seed(seed)
              .run();
      System.out.println(report);
      Path out = Path.of(arguments.text("out", "target/entities"));
      model.save(out.toString());
      report.chart(out.resolve("training.png").toString());
      report.html(out.resolve("report.html").toString(), Samples.of(model, data.heldOut(), 10));
      if (arguments.has("find")) {
        for (Entity entity : model.entities(arguments.text("find"))) {
          System.out.println(entity.type() + " " + entity.text() + " " + entity.score());
        }
      }
    }
  }

  private static Dataset<TokensExample> read(Arguments arguments) {
    return arguments.has("words")
        ? Data.read(arguments.text("data"))
            .tokens(arguments.text("words"))
            .tags(arguments.text("tags", "tags"))
        : Conll.read(arguments.text("data"));
  }
}
