package io.github.peft4j.data.reader;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.format.Kind;
import java.nio.file.Path;

/**
 * Reads tab-separated files in UTF-8. Quotation marks are plain characters, as in GLUE and most
 * published data sets, so a value contains neither tabs nor line breaks.
 */
public final class Tsv {

  private Tsv() {}

  /**
   * Reads one file or several, as {@link Data#read(String)}.
   *
   * @param path a file, a folder, or a pattern
   * @param columns the names of the columns; if none are given, the first line has them
   * @return its rows, to be mapped to examples
   * @throws DataException if a line has more or fewer values than there are columns
   */
  public static Table read(String path, String... columns) {
    return Data.read(path, Kind.TSV, columns);
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
    return read(path.toString(), columns);
  }
}
