package io.github.peft4j.examples;

import io.github.peft4j.Peft;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Labels;
import io.github.peft4j.data.reader.Data;
import io.github.peft4j.examples.bench.Shape;
import io.github.peft4j.examples.bench.numerics.LossCurve;
import io.github.peft4j.quantization.named.Quantizations;
import io.github.peft4j.transformer.config.Task;
import java.util.List;
import java.util.function.Supplier;

/**
 * Trains a model with frozen weights in fewer bits, and as they are, on the same texts. It prints a
 * line of JSON with all losses of each training. A pretrained model learns real texts, and is
 * compared in the end; without {@code --model}, the weights are random and the texts invented.
 *
 * <pre>
 * mvn -q compile exec:java -Dexec.mainClass=io.github.peft4j.examples.QuantizedLosses \
 *     -Dexec.args="--model DIR --data FILE.csv --prompt mr --answer ref --quantize nf4-double,int8"
 * mvn -q compile exec:java -Dexec.mainClass=io.github.peft4j.examples.QuantizedLosses \
 *     -Dexec.args="--shape 1b --batch 4 --length 512 --quantize nf4-double,int8"
 * </pre>
 */
public final class QuantizedLosses {

  static final Program PROGRAM =
      new Program(
          "QuantizedLosses",
          "shows the losses of trainings with frozen weights in fewer bits",
          """
          [--model WHERE]      a pretrained model: a folder, a .gguf file, org/name on the hub, or
                               minilm out of a jar
          [--data FILE]        its rows: JSON, CSV, TSV or Parquet, or languagetool, out of a jar
          [--prompt TEMPLATE]  of rows with an answer: a column's name, or a text with {columns}
          [--answer TEMPLATE]  the same for what the model answers
          [--text COLUMN]      of rows with a label, text by default
          [--label COLUMN]     instead of prompt and answer: the classes that the model tells apart
          [--held-out N]       rows to measure with, a tenth by default
          [--lr X]             learning rate after the warm-up, 2e-4 by default
          [--seeds N,...]      of adapter, order and dropout, 42 by default; those after the first
                               train the plain model again, to show how far seeds are apart
          [--shape NAME]       random weights instead of --model, as in Bench: 160m by default
          [--batch N]          rows of a step, 4 by default
          [--length N]         tokens of a row of a shape, the most of a model's, 512 by default
          [--steps N]          of each training, 200 by default
          [--quantize NAME,...]  nf4, nf4-double, fp4, fp4-double, int8, float8-two-layouts,
                               float8-one-layout; nf4-double by default
          [--recompute]        keeps no activations
          """);

  private static final String LANGUAGE_TOOL = "languagetool";

  private QuantizedLosses() {}

  /** Runs it. */
  public static void main(String... args) {
    PROGRAM.main(args, QuantizedLosses::run);
  }

  static void run(Arguments arguments) {
    List<String> quantizations = arguments.list("quantize", "nf4-double");
    try {
      quantizations.forEach(Quantizations::of); // a mistake is said before the first training
    } catch (IllegalArgumentException e) {
      throw arguments.error("--quantize: " + e.getMessage());
    }
    if (arguments.has("model")) {
      pretrained(arguments, quantizations);
    } else {
      random(arguments, quantizations);
    }
  }

  private static void random(Arguments arguments, List<String> quantizations) {
    for (String option : List.of("data", "prompt", "answer", "text", "label", "lr", "seeds")) {
      if (arguments.has(option)) {
        throw arguments.error("--" + option + " is for a pretrained --model");
      }
    }
    LossCurve curve =
        new LossCurve(
            Shape.of(arguments.text("shape", "160m")),
            null,
            arguments.count("batch", 4),
            arguments.count("length", 512),
            arguments.count("steps", 200),
            arguments.has("recompute"));
    for (String name : quantizations) {
      System.out.println(curve.line(name));
    }
    System.out.println(curve.line(""));
  }

  private static void pretrained(Arguments arguments, List<String> quantizations) {
    if (arguments.has("shape")) {
      throw arguments.error("--shape and --model exclude each other");
    }
    int[] seeds = seeds(arguments);
    TextLosses losses = losses(arguments, seeds[0]);
    TextLosses.Curve plain = print(losses.train("", seeds[0]));
    StringBuilder table = new StringBuilder(plain.against(plain));
    for (String name : quantizations) {
      table.append('\n').append(print(losses.train(name, seeds[0])).against(plain));
    }
    for (int i = 1; i < seeds.length; i++) {
      table.append('\n').append(print(losses.train("", seeds[i])).against(plain));
    }
    System.out.println(table);
  }

  private static TextLosses.Curve print(TextLosses.Curve curve) {
    System.out.println(curve.line());
    return curve;
  }

  private static int[] seeds(Arguments arguments) {
    try {
      return arguments.list("seeds", "42").stream().mapToInt(Integer::parseInt).toArray();
    } catch (NumberFormatException e) {
      throw arguments.error(
          "--seeds is '" + arguments.text("seeds") + "', expected whole numbers as in 1,2,3");
    }
  }

  /** The rows are split by a seed that is the same for all trainings. */
  private static TextLosses losses(Arguments arguments, int seed) {
    String model = arguments.text("model");
    String file = arguments.text("data");
    boolean languageTool = file.equals(LANGUAGE_TOOL);
    if (!languageTool && !arguments.has("label")) {
      return losses(
          arguments,
          () -> NamedModel.loader(model),
          HeldOut.split(
              Data.read(file).prompt(arguments.text("prompt")).answer(arguments.text("answer")),
              arguments,
              seed));
    }
    Dataset<ClassificationExample> rows =
        languageTool
            ? LanguageToolExamples.load().train()
            : Data.read(file).text(arguments.text("text", "text")).label(arguments.text("label"));
    Task task = Task.classification(Labels.in(rows).names());
    return losses(
        arguments, () -> NamedModel.loader(model).task(task), HeldOut.split(rows, arguments, seed));
  }

  private static TextLosses losses(
      Arguments arguments, Supplier<Peft.Loader> model, Dataset.Split<?> rows) {
    return new TextLosses(
        model,
        rows,
        arguments.count("batch", 4),
        arguments.count("length", 512),
        arguments.count("steps", 200),
        arguments.number("lr", 2e-4),
        arguments.has("recompute"));
  }
}
