package io.github.peft4j.data.reader;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.format.DataPaths;
import io.github.peft4j.data.format.Kind;
import io.github.peft4j.data.format.Rows;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Reads data files: JSON Lines, JSON arrays, CSV, TSV, Parquet, and texts with one example a line;
 * plain or gzipped.
 *
 * <pre>{@code
 * Data.read("train.jsonl")          // a file; its kind is known by content and name
 * Data.read("data/")                // the data files of a folder, which are of one kind
 * Data.read("data/train-*.parquet") // the files that match a pattern
 * Data.read("a.csv", "b.csv")       // several files
 * }</pre>
 *
 * <p>All rows are parsed once, so that malformed ones are found now. Files of more than 64 MiB stay
 * on disk: rows are read again when they are needed, from any position, so data may be larger than
 * memory. What is packed (gzip, Parquet) is unpacked into memory or, beyond 64 MiB, into a
 * temporary file.
 */
public final class Data {

  private Data() {}

  /**
   * Reads one file or several.
   *
   * @param path a file; a folder; or a pattern such as {@code data/train-*.jsonl}, where {@code **}
   *     means any folders
   * @return its rows, to be mapped to examples
   * @throws DataException if a row is malformed, a file has none, no file matches, or a folder has
   *     files of several kinds or splits
   */
  public static Table read(String path) {
    return read(path, (Kind) null);
  }

  /**
   * Reads several files, one after the other.
   *
   * @param first a file, a folder or a pattern
   * @param second another one
   * @param more further ones
   * @return their rows, to be mapped to examples
   * @throws DataException as {@link #read(String)}
   */
  public static Table read(String first, String second, String... more) {
    List<String> names = Stream.concat(Stream.of(first, second), Arrays.stream(more)).toList();
    List<Path> paths = names.stream().flatMap(name -> DataPaths.of(name).stream()).toList();
    return new Table(Rows.open(String.join(", ", names), paths, null, List.of()));
  }

  /**
   * Reads a file, or the files of a folder.
   *
   * @param path the file or the folder
   * @return its rows, to be mapped to examples
   * @throws DataException as {@link #read(String)}
   */
  public static Table read(Path path) {
    return read(path.toString());
  }

  static Table read(String path, @Nullable Kind kind, String... columns) {
    return new Table(Rows.open(path, DataPaths.of(path), kind, List.of(columns)));
  }
}
