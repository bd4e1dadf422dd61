package io.github.peft4j.examples;

import io.github.peft4j.examples.bench.CsvFile;
import io.github.peft4j.examples.bench.MarkdownTable;
import io.github.peft4j.examples.bench.Results;
import java.nio.file.Path;

/**
 * Makes a table of what {@link Bench} and {@code peft-examples/bench/hugging_face.py} printed, with
 * the ratios between them.
 *
 * <pre>
 * mvn -q compile exec:java -Dexec.mainClass=io.github.peft4j.examples.BenchTable \
 *     -Dexec.args="--lines lines.jsonl"
 * </pre>
 */
public final class BenchTable {

  private static final Program PROGRAM =
      new Program(
          "BenchTable",
          "makes a table of measurements",
          """
          --lines FILE  the lines of JSON
          [--csv FILE]  adds a row to it for each machine, revision and case
          """);

  private BenchTable() {}

  /** Runs it. */
  public static void main(String... args) {
    PROGRAM.main(
        args,
        arguments -> {
          Results results = Results.read(Path.of(arguments.text("lines")));
          System.out.print(MarkdownTable.of(results));
          if (arguments.has("csv")) {
            int out = CsvFile.add(Path.of(arguments.text("csv")), results);
            if (out > 0) {
              System.err.printf(
                  "%d cases are not in %s: the machine was busy with other programs%n",
                  out, arguments.text("csv"));
            }
          }
        });
  }
}
