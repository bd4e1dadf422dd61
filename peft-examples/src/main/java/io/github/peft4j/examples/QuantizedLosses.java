package io.github.peft4j.examples;

import io.github.peft4j.examples.bench.Shape;
import io.github.peft4j.examples.bench.numerics.LossCurve;
import io.github.peft4j.quantization.named.Quantizations;

/**
 * Trains a model with frozen weights in fewer bits, and as they are, on the same texts. It prints a
 * line of JSON with all losses of each training.
 *
 * <pre>
 * mvn -q compile exec:java -Dexec.mainClass=io.github.peft4j.examples.QuantizedLosses \
 *     -Dexec.args="--shape 1b --batch 4 --length 512 --quantize nf4-double,int8"
 * </pre>
 */
public final class QuantizedLosses {

  private static final Program PROGRAM =
      new Program(
          "QuantizedLosses",
          "shows the losses of trainings with frozen weights in fewer bits",
          """
          [--shape NAME]   a model, as in Bench: 160m by default
          [--batch N]      rows of a step, 4 by default
          [--length N]     tokens of a row, 512 by default
          [--steps N]      of each training, 200 by default
          [--quantize NAME,...]  nf4, nf4-double, fp4, fp4-double, int8, float8-two-layouts,
                           float8-one-layout; nf4-double by default
          [--recompute]    keeps no activations
          """);

  private QuantizedLosses() {}

  /** Runs it. */
  public static void main(String... args) {
    PROGRAM.main(
        args,
        arguments -> {
          LossCurve curve =
              new LossCurve(
                  Shape.of(arguments.text("shape", "160m")),
                  null,
                  arguments.count("batch", 4),
                  arguments.count("length", 512),
                  arguments.count("steps", 200),
                  arguments.has("recompute"));
          for (String name : arguments.list("quantize", "nf4-double")) {
            Quantizations.of(name); // a mistake is said before the first training
          }
          for (String name : arguments.list("quantize", "nf4-double")) {
            System.out.println(curve.line(name));
          }
          System.out.println(curve.line(""));
        });
  }
}
