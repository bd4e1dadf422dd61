package io.github.peft4j.examples;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Labels;
import io.github.peft4j.transformer.Task;
import java.nio.file.Path;
import java.util.OptionalDouble;

/**
 * Teaches a BERT model to classify the texts of a file.
 *
 * <pre>
 * mvn -q compile exec:java -Dexec.mainClass=io.github.peft4j.examples.Classify \
 *     -Dexec.args="--model minilm --data train.csv --test test.csv --label category"
 * </pre>
 *
 * <p>{@code --model} is a Hugging Face folder, or {@code minilm} for the model out of a jar. The
 * adapter and a chart go to {@code --out}, {@code target/classify} if not given; {@code --compare}
 * trains several methods and prints and plots a table.
 */
public final class Classify {

  private static final String USAGE =
      "--model DIR|minilm --data FILE --test FILE [--text COLUMN] [--label COLUMN] [--method NAME]"
          + " [--compare NAME,...|all] [--epochs N] [--lr X] [--batch N] [--max-length N] [--seed N]"
          + " [--bucket-by-length] [--out DIR]";

  private static final String TASK = "classify";

  private Classify() {}

  /** Runs it. */
  public static void main(String... args) {
    Arguments arguments = Arguments.parse(USAGE, args);
    Dataset<ClassificationExample> train = read(arguments, "data");
    Dataset<ClassificationExample> test = read(arguments, "test");
    Labels labels = Labels.in(train);
    System.out.printf("%,d to learn from, %,d to test, %s%n", train.size(), test.size(), labels);

    int seed = arguments.integer("seed", 42);
    String name = arguments.text("model");
    Peft.Loader loader = name.equals("minilm") ? MiniLm.loader() : Peft.from(Path.of(name));
    Path out = Path.of(arguments.text("out", "target/classify"));
    try (PeftModel model = loader.task(Task.classification(labels.names())).seed(seed).load()) {
      Comparison comparison =
          new Comparison(
              model,
              train,
              test,
              arguments.integer("epochs", 3),
              arguments.integer("batch", 32),
              arguments.integer("max-length", 128),
              seed,
              arguments.has("bucket-by-length"),
              arguments.has("lr")
                  ? OptionalDouble.of(arguments.number("lr", 0))
                  : OptionalDouble.empty());
      if (arguments.has("compare")) {
        Comparison.run(TASK, comparison, arguments, out);
        return;
      }
      Comparison.Result result = comparison.train(arguments.text("method", "lora"), out);
      result.report().chart(out.resolve("training.png").toString());
      System.out.println(result.json(TASK));
    }
  }

  private static Dataset<ClassificationExample> read(Arguments arguments, String file) {
    return Tables.read(arguments.text(file))
        .text(arguments.text("text", "text"))
        .label(arguments.text("label", "label"));
  }
}
