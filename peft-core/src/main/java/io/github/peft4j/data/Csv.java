package io.github.peft4j.data;

import java.nio.file.Path;
import org.apache.commons.csv.CSVFormat;

/**
 * Reads comma-separated files in UTF-8: values may be quoted with {@code "}, and a quoted value may
 * span lines.
 */
public final class Csv {

  private static final CSVFormat FORMAT = CSVFormat.RFC4180;

  private Csv() {}

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
