package io.github.peft4j.examples;

import static io.github.peft4j.examples.LanguageToolExamples.ACCEPTABLE;
import static io.github.peft4j.examples.LanguageToolExamples.UNACCEPTABLE;

import ai.djl.modality.Classifications;
import ai.djl.modality.Classifications.Classification;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Examples;
import io.github.peft4j.examples.Comparison.Result;
import io.github.peft4j.pretrained.MiniLm;
import io.github.peft4j.train.Samples;
import io.github.peft4j.transformer.config.Task;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.stream.IntStream;

/**
 * Teaches a sentence encoder to find English sentences with a mistake, with LoRA and, for
 * comparison, with only a new head. Model and sentences come from Maven Central.
 *
 * <pre>
 * mvn -q compile exec:java                                # some of the sentences, in minutes
 * mvn -q compile exec:java -Dexec.args=--full             # three epochs on all of them
 * mvn -q compile exec:java -Dexec.args="--method ia3"     # another method
 * mvn -q compile exec:java -Dexec.args="--compare ia3,lora,full"   # a table and a plot
 * </pre>
 *
 * <p>The short run uses batches of similar length, which halves its time on a CPU.
 *
 * <p>The adapter, a chart and a report of its training are saved in {@code target/languagetool}. A
 * comparison saves the adapter of each method in a subfolder; {@code --compare all} compares every
 * method.
 */
public final class LanguageTool {

  private static final Program PROGRAM =
      new Program(
          "LanguageTool",
          "teaches a sentence encoder to find English sentences with a mistake",
          """
          [--full]                  three epochs on all sentences; by default one on some
          [--method NAME]           lora by default
          [--compare NAME,...|all]  trains several methods, prints and plots a table
          [--examples N]            sentences to learn from
          [--tests N]               sentences to measure with
          [--epochs N]              passes over the sentences
          [--seed N]                42 by default
          [--bucket-by-length]      makes batches of sentences of similar length
          [--out DIR]               target/languagetool by default
          [--result FILE]           trains the method alone, and writes its numbers there
          """);
  private static final String TASK = "languagetool";
  private static final int MAX_LENGTH = 96;

  private LanguageTool() {}

  /** Runs it. */
  public static void main(String... args) {
    PROGRAM.main(args, LanguageTool::run);
  }

  private static void run(Arguments arguments) {
    boolean full = arguments.has("full");
    String method = arguments.text("method", "lora");
    int seed = arguments.integer("seed", 42);
    Path out = Path.of(arguments.text("out", "target/languagetool"));
    if (arguments.has("compare")) {
      Comparison.run(LanguageTool.class, arguments, out);
      return;
    }
    LanguageToolExamples sentences = LanguageToolExamples.load();
    System.out.println(sentences);
    int examples = arguments.count("examples", full ? Integer.MAX_VALUE : 6400);
    Dataset<ClassificationExample> train = sentences.train().shuffle(seed).take(examples);
    Dataset<ClassificationExample> test =
        sentences.test().take(arguments.count("tests", Integer.MAX_VALUE));
    int epochs = arguments.count("epochs", full ? 3 : 1);

    try (PeftModel model = load(seed)) {
      System.out.println(model);
      Comparison comparison =
          new Comparison(
              model,
              train,
              test,
              epochs,
              32,
              MAX_LENGTH,
              seed,
              !full || arguments.has("bucket-by-length"),
              OptionalDouble.empty());
      if (arguments.has("result")) {
        comparison.trainForResult(TASK, arguments, out);
        return;
      }
      Result baseline = comparison.train("head", out.resolve("head")).result();
      Comparison.Trained trained = comparison.train(method, out);
      Result result = trained.result();
      List<ClassificationExample> shown = test.shuffle(seed).take(8).examples();
      List<String> predictions = predictions(model, shown);
      System.out.println();
      predictions.forEach(System.out::println);
      trained.report().chart(out.resolve("training.png").toString());
      trained
          .report()
          .html(out.resolve("report.html").toString(), Samples.of(model, Examples.of(shown), 8));
      requireSame(predictions, load(seed), shown, out);
      System.out.printf("%nsaved, loaded again, same predictions: %s%n", out);

      System.out.printf(
          Locale.ROOT,
          "{\"task\":\"%s\",\"method\":\"%s\",\"accuracy\":%.4f,\"baseline\":%.4f,"
              + "\"trainable\":%d,\"seconds\":%.1f,\"tokens_per_second\":%.0f}%n",
          TASK,
          method,
          result.accuracy(),
          baseline.accuracy(),
          result.trainable(),
          result.seconds(),
          result.tokensPerSecond());
    }
  }

  private static PeftModel load(int seed) {
    return MiniLm.loader().task(Task.classification(ACCEPTABLE, UNACCEPTABLE)).seed(seed).load();
  }

  /** The model's predictions for some sentences that it was not trained on. */
  private static List<String> predictions(PeftModel model, List<ClassificationExample> shown) {
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

  /** Checks that an untrained model with the saved adapter gives the same predictions. */
  private static void requireSame(
      List<String> predictions, PeftModel fresh, List<ClassificationExample> shown, Path folder) {
    try (fresh) {
      fresh.loadAdapter(folder.toString());
      List<String> again = predictions(fresh, shown);
      if (!again.equals(predictions)) {
        throw new IllegalStateException(
            "the adapter in " + folder + " says " + again + ", before it was " + predictions);
      }
    }
  }
}
