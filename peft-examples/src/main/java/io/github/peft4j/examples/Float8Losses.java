package io.github.peft4j.examples;

import io.github.peft4j.examples.bench.Shape;
import io.github.peft4j.examples.bench.numerics.LossCurve;
import io.github.peft4j.quantization.float8.Float8;

/**
 * Trains a model with frozen weights as they are, and in eight bits, on the same texts. It prints a
 * line of JSON with all losses of each training. It needs a GPU that multiplies numbers of eight
 * bits.
 *
 * <pre>
 * mvn -q compile exec:java -Dexec.mainClass=io.github.peft4j.examples.Float8Losses \
 *     -Dexec.args="--shape 1b --batch 4 --length 512"
 * </pre>
 */
public final class Float8Losses {

  private static final Program PROGRAM =
      new Program(
          "Float8Losses",
          "shows the losses of a training with frozen weights in eight bits",
          """
          [--shape NAME]   a model, as in Bench: 160m by default
          [--batch N]      rows of a step, 4 by default
          [--length N]     tokens of a row, 512 by default
          [--steps N]      of each training, 200 by default
          [--float8 NAME]  one_layout or two_layouts; two_layouts by default
          """);

  private Float8Losses() {}

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
                  arguments.count("steps", 200));
          Float8 layout = Float8Options.of(arguments);
          System.out.println(curve.line(layout == null ? Float8.TWO_LAYOUTS : layout));
          System.out.println(curve.line(null));
        });
  }
}
