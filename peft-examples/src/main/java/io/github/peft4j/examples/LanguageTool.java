package io.github.peft4j.examples;

import static io.github.peft4j.examples.LanguageToolExamples.ACCEPTABLE;
import static io.github.peft4j.examples.LanguageToolExamples.UNACCEPTABLE;

import ai.djl.modality.Classifications;
import ai.djl.modality.Classifications.Classification;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.train.Metrics;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.transformer.Task;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/**
 * Teaches a sentence encoder to find English sentences with a mistake, with LoRA and, to compare,
 * with nothing but a new head. Model and sentences come from Maven Central.
 *
 * <pre>
 * mvn -q compile exec:java                        # some of the sentences, in minutes
 * mvn -q compile exec:java -Dexec.args=--full     # three epochs on all of them
 * </pre>
 *
 * <p>The adapter and a chart of its training are in {@code target/languagetool} afterwards.
 */
public final class LanguageTool {

  private static final String USAGE =
      "[--full] [--method NAME] [--examples N] [--tests N] [--epochs N] [--seed N] [--out DIR]";
  private static final int MAX_LENGTH = 96;
  private final PeftModel model;
  private final Dataset<ClassificationExample> train;
  private final Dataset<ClassificationExample> test;
  private final int epochs;
  private final int seed;

  private LanguageTool(
      PeftModel model,
      Dataset<ClassificationExample> train,
      Dataset<ClassificationExample> test,
      int epochs,
      int seed) {
    this.model = model;
    this.train = train;
    this.test = test;
    this.epochs = epochs;
    this.seed = seed;
  }

  /** Runs it. */
  public static void main(String... args) {
    Arguments arguments = Arguments.parse(USAGE, args);
    boolean full = arguments.has("full");
    String method = arguments.text("method", "lora");
    int seed = arguments.integer("seed", 42);
    Path out = Path.of(arguments.text("out", "target/languagetool"));
    LanguageToolExamples sentences = LanguageToolExamples.load();
    System.out.println(sentences);
    int examples = arguments.integer("examples", full ? Integer.MAX_VALUE : 6400);
    Dataset<ClassificationExample> train = sentences.train().shuffle(seed).take(examples);
    Dataset<ClassificationExample> test =
        sentences.test().take(arguments.integer("tests", Integer.MAX_VALUE));
    int epochs = arguments.integer("epochs", full ? 3 : 1);

    try (PeftModel model = load(seed)) {
      System.out.println(model);
      LanguageTool tool = new LanguageTool(model, train, test, epochs, seed);
      TrainingReport baseline = tool.train("head");
      TrainingReport report = tool.train(method);
      long trainable = model.trainables().stream().mapToLong(t -> t.size()).sum();

      List<String> predictions = tool.predictions(model);
      System.out.println();
      predictions.forEach(System.out::println);
      model.save(method, out);
      report.chart(out.resolve("training.png").toString());
      tool.requireSame(predictions, load(seed), out);
      System.out.printf("%nsaved, loaded again, same predictions: %s%n", out);

      System.out.printf(
          Locale.ROOT,
          "{\"task\":\"languagetool\",\"method\":\"%s\",\"accuracy\":%.4f,\"baseline\":%.4f,"
              + "\"trainable\":%d,\"seconds\":%.1f,\"tokens_per_second\":%.0f}%n",
          method,
          accuracy(report),
          accuracy(baseline),
          trainable,
          report.seconds(),
          report.tokensPerSecond());
    }
  }

  private static PeftModel load(int seed) {
    return MiniLm.loader().task(Task.classification(ACCEPTABLE, UNACCEPTABLE)).seed(seed).load();
  }

  /** Trains a fresh adapter, which stays active. */
  private TrainingReport train(String method) {
    Recipe recipe = Recipe.of(method);
    model.adapt(method, recipe.config());
    System.out.printf("%n%s: %s%n", method, model.trainableParameters());
    TrainingReport report =
        recipe
            .training(model)
            .on(train)
            .validateOn(test)
            .epochs(epochs)
            .maxLength(MAX_LENGTH)
            .seed(seed)
            .run();
    System.out.println(method + ": " + report);
    return report;
  }

  private static double accuracy(TrainingReport report) {
    return report.finalMetrics().map(m -> m.get(Metrics.ACCURACY)).orElse(Double.NaN);
  }

  /** What the model says of some sentences that it was not trained on. */
  private List<String> predictions(PeftModel model) {
    List<ClassificationExample> shown = test.shuffle(seed).take(8).examples();
    List<Classifications> classes =
        model.classify(shown.stream().map(ClassificationExample::text).toList());
    return IntStream.range(0, shown.size())
        .mapToObj(i -> describe(shown.get(i), classes.get(i).best()))
        .toList();
  }

  private static String describe(ClassificationExample example, Classification best) {
    return String.format(
        Locale.ROOT,
        "%-5s  %-12s %.4f  %s",
        best.getClassName().equals(example.label()) ? "right" : "wrong",
        best.getClassName(),
        best.getProbability(),
        example.text());
  }

  /** A model that has never been trained, with the adapter from the folder, says the same. */
  private void requireSame(List<String> predictions, PeftModel fresh, Path folder) {
    try (fresh) {
      fresh.loadAdapter(folder.toString());
      List<String> again = predictions(fresh);
      if (!again.equals(predictions)) {
        throw new IllegalStateException(
            "the adapter in " + folder + " says " + again + ", before it was " + predictions);
      }
    }
  }
}
