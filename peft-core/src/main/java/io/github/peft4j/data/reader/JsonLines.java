package io.github.peft4j.data.reader;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.format.Kind;
import java.nio.file.Path;

/**
 * Reads files of JSON objects in UTF-8: one a line, which is JSON Lines, or one array of them.
 * Blank lines are skipped. Numbers are read as Python reads them; as text, 1.0 is 1. A key must not
 * stand twice in an object.
 */
public final class JsonLines {

  private JsonLines() {}

  /**
   * Reads one file or several, as {@link Data#read(String)}.
   *
   * @param path a file, a folder, or a pattern
   * @return its rows, to be mapped to examples
   * @throws DataException if a line or element is not a JSON object
   */
  public static Table read(String path) {
    return Data.read(path, Kind.JSON);
  }

  /**
   * Reads a file.
   *
   * @param path the file
   * @return its rows, to be mapped to examples
   * @throws DataException if a line or element is not a JSON object
   */
  public static Table read(Path path) {
    return read(path.toString());
  }
}
