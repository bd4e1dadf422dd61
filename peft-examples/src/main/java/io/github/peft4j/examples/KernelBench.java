package io.github.peft4j.examples;

import io.github.peft4j.examples.bench.KernelCase;
import io.github.peft4j.examples.bench.KernelCases;

/**
 * Measures single kernels, with and without their backward pass, on the GPU if there is one. It
 * prints one line of JSON for each: microseconds a call, and gigabytes a second of what a call has
 * to read and write at least. Run it twice, with {@code -Dpeft4j.cudaText=false} for PyTorch's
 * kernels.
 *
 * <pre>
 * mvn -q compile exec:java -Dexec.mainClass=io.github.peft4j.examples.KernelBench \
 *     -Dexec.args="--rows 8192 --width 2048"
 * </pre>
 */
public final class KernelBench {

  private static final Program PROGRAM =
      new Program(
          "KernelBench",
          "measures single kernels",
          """
          [--rows N]          tokens, 64 by default
          [--width N]         the hidden size, 256 by default
          [--classes N]       the vocabulary, 4 times the hidden size by default
          [--calls N]         calls that are measured, 20 by default
          """);

  private KernelBench() {}

  /** Runs it. */
  public static void main(String... args) {
    PROGRAM.main(
        args,
        arguments -> {
          int width = arguments.count("width", 256);
          try (KernelCases cases =
              new KernelCases(
                  arguments.count("rows", 64), width, arguments.count("classes", 4 * width))) {
            for (KernelCase one : cases.all()) {
              System.out.println(one.measure(arguments.count("calls", 20)));
            }
          }
        });
  }
}
