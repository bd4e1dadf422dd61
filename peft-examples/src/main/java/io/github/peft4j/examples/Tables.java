package io.github.peft4j.examples;

import io.github.peft4j.data.Csv;
import io.github.peft4j.data.JsonLines;
import io.github.peft4j.data.Table;
import io.github.peft4j.data.Tsv;

/** Reads tables in the format of the file's extension. */
final class Tables {

  private Tables() {}

  /**
   * Reads {@code .jsonl}, {@code .csv} or {@code .tsv}. The latter two must start with a line of
   * column names.
   */
  static Table read(String file) {
    String ending = file.substring(file.lastIndexOf('.') + 1);
    return switch (ending) {
      case "jsonl" -> JsonLines.read(file);
      case "csv" -> Csv.read(file);
      case "tsv" -> Tsv.read(file);
      default ->
          throw new IllegalArgumentException(file + ": expected a name in .jsonl, .csv or .tsv");
    };
  }
}
