package io.github.peft4j.data;

import java.nio.file.Path;
import org.apache.commons.csv.CSVFormat;

/**
 * Reads tab-separated files in UTF-8. Quotation marks are plain characters, as in GLUE and most
 * published data sets, so a value contains neither tabs nor line breaks.
 */
public final class Tsv {

  private static final CSVFormat FORMAT =
      CSVFormat.RFC4180.builder().setDelimiter('\t').setQuote(null).get();

  private Tsv() {}

  /**
   * Reads a file.
   *
   * @param path the file
   * @param columns the names of the columns; if none are given, the first line has them
   * @return its rows, to be mapped to examples
   * @throws DataException if a line has more or fewer values than there are columns
   */
  public static Table read(String path, String... columns) {
    return read(Path.of(path), columns);
  }

  /**
   * Reads a file.
   *
   * @param path the file
   * @param columns the names of the columns; if none are given, the first line has them
   * @return its rows, to be mapped to examples
   * @throws DataException if a line has more or fewer values than there are columns
   */
  public static Table read(Path path, String... columns) {
    return DelimitedFiles.read(FORMAT, path, columns);
  }
}
