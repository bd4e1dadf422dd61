package io.github.peft4j.examples;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Labels;
import io.github.peft4j.train.Metrics;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.transformer.Task;
import io.github.peft4j.tuner.Trainable;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Teaches a BERT model to classify the texts of a file.
 *
 * <pre>
 * mvn -q compile exec:java -Dexec.mainClass=io.github.peft4j.examples.Classify \
 *     -Dexec.args="--model minilm --data train.csv --test test.csv --label category"
 * </pre>
 *
 * <p>{@code --model} is a Hugging Face folder, or {@code minilm} for the model out of a jar. With
 * {@code --out} the adapter and a chart go there.
 */
public final class Classify {

  private static final String USAGE =
      "--model DIR|minilm --data FILE --test FILE [--text COLUMN] [--label COLUMN] [--method NAME]"
          + " [--epochs N] [--lr X] [--batch N] [--max-length N] [--seed N] [--out DIR]";

  private Classify() {}

  /** Runs it. */
  public static void main(String... args) {
    Arguments arguments = Arguments.parse(USAGE, args);
    Dataset<ClassificationExample> train = read(arguments, "data");
    Dataset<ClassificationExample> test = read(arguments, "test");
    Labels labels = Labels.in(train);
    System.out.printf("%,d to learn from, %,d to test, %s%n", train.size(), test.size(), labels);

    String method = arguments.text("method", "lora");
    Recipe recipe = Recipe.of(method);
    int seed = arguments.integer("seed", 42);
    String name = arguments.text("model");
    Peft.Loader loader = name.equals("minilm") ? MiniLm.loader() : Peft.from(Path.of(name));
    try (PeftModel model =
        loader.task(Task.classification(labels.names())).seed(seed).load().adapt(recipe.config())) {
      System.out.println(model.trainableParameters());
      TrainingReport report =
          recipe
              .withLearningRate(arguments.number("lr", recipe.learningRate()))
              .training(model)
              .on(train)
              .validateOn(test)
              .epochs(arguments.integer("epochs", 3))
              .batchSize(arguments.integer("batch", 32))
              .maxLength(arguments.integer("max-length", 128))
              .seed(seed)
              .run();
      System.out.println(report);
      if (arguments.has("out")) {
        Path out = Path.of(arguments.text("out"));
        model.save(out.toString());
        report.chart(out.resolve("training.png").toString());
      }
      System.out.println(json(method, model, report));
    }
  }

  private static Dataset<ClassificationExample> read(Arguments arguments, String file) {
    return Tables.read(arguments.text(file))
        .text(arguments.text("text", "text"))
        .label(arguments.text("label", "label"));
  }

  private static String json(String method, PeftModel model, TrainingReport report) {
    Metrics metrics = report.finalMetrics().orElseThrow();
    return String.format(
        Locale.ROOT,
        "{\"task\":\"classify\",\"method\":\"%s\",\"accuracy\":%.4f,\"macro_f1\":%.4f,"
            + "\"trainable\":%d,\"steps\":%d,\"seconds\":%.1f,\"tokens_per_second\":%.0f}",
        method,
        metrics.get(Metrics.ACCURACY),
        metrics.get(Metrics.MACRO_F1),
        model.trainables().stream().mapToLong(Trainable::size).sum(),
        report.steps(),
        report.seconds(),
        report.tokensPerSecond());
  }
}
