package io.github.peft4j.examples;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Labels;
import io.github.peft4j.data.reader.Data;
import io.github.peft4j.train.Samples;
import io.github.peft4j.train.report.Sample;
import io.github.peft4j.transformer.config.Task;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;

/**
 * Teaches a model to classify the texts of a file.
 *
 * <pre>
 * mvn -q compile exec:java -Dexec.mainClass=io.github.peft4j.examples.Classify \
 *     -Dexec.args="--model minilm --data train.csv --test test.csv --label category"
 * </pre>
 *
 * <p>{@code --model} is a Hugging Face folder, or {@code minilm} for MiniLM from Maven Central, if
 * there is no folder of that name, or the name of a model on the Hugging Face hub. The adapter, a
 * chart and a report are saved in {@code --out}, by default {@code target/classify}. {@code
 * --compare} trains several methods, each in a process of its own, and prints and plots a table.
 */
public final class Classify {

  private static final Program PROGRAM =
      new Program(
          "Classify",
          "teaches a model to classify the texts of a file",
          """
          --model DIR|minilm|NAME   a Hugging Face folder, the model out of a jar, or org/name on
                                    the Hugging Face hub
          --data FILE               rows to learn from, in a file: JSON, CSV or TSV
          --test FILE               rows to measure with
          [--text COLUMN]           text by default
          [--label COLUMN]          label by default
          [--method NAME]           lora by default
          [--compare NAME,...|all]  trains several methods, prints and plots a table
          [--epochs N]              passes over the data, 3 by default
          [--lr X]                  learning rate, the method's recipe's by default
          [--batch N]               rows a step, 32 by default
          [--max-length N]          tokens of a row, at most 128 by default
          [--seed N]                42 by default
          [--bucket-by-length]      makes batches of rows of similar length
          [--out DIR]               for adapter, chart and report, target/classify by default
          [--result FILE]           trains the method alone, and writes its numbers there
          """);

  private static final String TASK = "classify";
  private static final int SAMPLES = 12;

  /** The most tokens of a row by default. */
  private static final int LENGTH = 128;

  private Classify() {}

  /** Runs it. */
  public static void main(String... args) {
    PROGRAM.main(args, Classify::run);
  }

  private static void run(Arguments arguments) {
    Path out = Path.of(arguments.text("out", "target/classify"));
    if (arguments.has("compare")) {
      Comparison.run(Classify.class, arguments, out);
      return;
    }
    Dataset<ClassificationExample> train = read(arguments, "data");
    Dataset<ClassificationExample> test = read(arguments, "test");
    Labels labels = Labels.in(train);
    System.out.printf("%,d to learn from, %,d to test, %s%n", train.size(), test.size(), labels);

    int seed = arguments.integer("seed", 42);
    Peft.Loader loader = NamedModel.loader(arguments.text("model"));
    try (PeftModel model = loader.task(Task.classification(labels.names())).seed(seed).load()) {
      Program.requireTokenizer(model);
      Comparison comparison =
          new Comparison(
              model,
              train,
              test,
              arguments.count("epochs", 3),
              arguments.count("batch", 32),
              arguments.has("max-length") ? arguments.count("max-length", LENGTH) : longest(model),
              seed,
              arguments.has("bucket-by-length"),
              arguments.has("lr")
                  ? OptionalDouble.of(arguments.number("lr", 0))
                  : OptionalDouble.empty());
      if (arguments.has("result")) {
        comparison.trainForResult(TASK, arguments, out);
        return;
      }
      Comparison.Trained trained = comparison.train(arguments.text("method", "lora"), out);
      List<Sample> samples = Samples.of(model, test, SAMPLES);
      trained.report().chart(out.resolve("training.png").toString());
      trained.report().html(out.resolve("report.html").toString(), samples);
      System.out.println(trained.result().json(TASK));
    }
  }

  /** The usual length, or what the model can read if that is less. */
  private static int longest(PeftModel model) {
    long positions = model.base().maxPositions();
    if (positions < LENGTH) {
      System.out.printf("--max-length is %d: the model reads no more tokens%n", positions);
    }
    return (int) Math.min(LENGTH, positions);
  }

  private static Dataset<ClassificationExample> read(Arguments arguments, String file) {
    return Data.read(arguments.text(file))
        .text(arguments.text("text", "text"))
        .label(arguments.text("label", "label"));
  }
}
