package io.github.peft4j.data.format;

import io.github.peft4j.data.DataException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * The rows of one file or of several. They stay on disk where they are many: in memory is the
 * position of each, 16 bytes a row. Safe for use by many threads.
 *
 * @param source the files, for messages
 * @param columns the columns, in the order in which they first appear
 * @param size the number of rows
 * @param held whether the rows' bytes are in memory
 * @param reader a row by its number, from 0
 */
public record Rows(
    String source, List<String> columns, int size, boolean held, IntFunction<Row> reader) {

  /**
   * Opens files, and parses all their rows once, so that malformed ones are found.
   *
   * @param source the files, for messages
   * @param paths the files, in order
   * @param kind the kind of the files; null takes what their content or names say
   * @param columns the names of a delimited file's columns; if there are none, the first line has
   *     them
   * @throws DataException if a file has no rows, or malformed ones
   */
  public static Rows open(
      String source, List<Path> paths, @Nullable Kind kind, List<String> columns) {
    List<DataFile> files = new ArrayList<>();
    int mostHeld = Content.MOST_HELD;
    for (Path path : paths) {
      DataFile file = DataFile.open(path, kind, columns, mostHeld);
      if (file.size() == 0) {
        throw new DataException(path + ": there are no rows, expected one at least");
      }
      mostHeld -= file.content().held() ? (int) file.content().size() : 0;
      files.add(file);
    }
    if (files.size() == 1) {
      DataFile file = files.get(0);
      return new Rows(source, file.columns(), file.size(), file.content().held(), file.parser());
    }
    return together(source, files);
  }

  private static Rows together(String source, List<DataFile> files) {
    int[] ends = new int[files.size()];
    long rows = 0;
    Set<String> columns = new LinkedHashSet<>();
    for (int i = 0; i < ends.length; i++) {
      rows += files.get(i).size();
      if (rows > Integer.MAX_VALUE) {
        throw new DataException(
            "%s: there are more than %,d rows. Read fewer of the files"
                .formatted(source, Integer.MAX_VALUE));
      }
      ends[i] = (int) rows;
      columns.addAll(files.get(i).columns());
    }
    return new Rows(
        source,
        List.copyOf(columns),
        (int) rows,
        files.stream().allMatch(file -> file.content().held()),
        row -> {
          int file = 0;
          while (row >= ends[file]) {
            file++;
          }
          return files.get(file).parser().apply(row - (file == 0 ? 0 : ends[file - 1]));
        });
  }

  /** The row with a number, from 0. */
  public Row get(int row) {
    return reader.apply(row);
  }

  /** The rows with some numbers, in their order. */
  public Rows select(int... numbers) {
    return new Rows(source, columns, numbers.length, held, i -> reader.apply(numbers[i]));
  }
}
