package io.github.peft4j.data.format;

import io.github.peft4j.data.DataException;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * A file of rows. Each row is parsed when it is asked for, from its bytes in memory or on disk.
 *
 * @param path the file
 * @param columns the columns, in the order in which they first appear
 * @param size the number of rows
 * @param content the rows' bytes
 * @param parser a row by its number, from 0
 */
record DataFile(
    Path path, List<String> columns, int size, Content content, IntFunction<Row> parser) {

  /**
   * Opens a file and parses all its rows once, so that malformed ones are found.
   *
   * @param kind the kind of file; null takes what its content or name says
   * @param columns the names of a delimited file's columns; if there are none, the first line has
   *     them
   * @param mostHeld the most bytes to hold in memory
   */
  static DataFile open(Path path, @Nullable Kind kind, List<String> columns, int mostHeld) {
    Content content = Content.of(path, mostHeld);
    Kind found = Kind.of(path, content, kind);
    if (!columns.isEmpty() && found != Kind.CSV && found != Kind.TSV) {
      throw new DataException(
          "%s: columns are named by the file itself, which is %s".formatted(path, found));
    }
    return switch (found) {
      case JSON -> json(path, content);
      case CSV -> delimited(path, content, Delimited.COMMAS, columns);
      case TSV -> delimited(path, content, Delimited.TABS, columns);
      case TEXT -> text(path, content);
      case PARQUET -> parquet(path, mostHeld);
    };
  }

  private static Scanner scanner(Path path, Content content) {
    return new Scanner(path.toString(), content);
  }

  private static String line(int line) {
    return "line " + line;
  }

  private static Row row(
      Path path,
      int line,
      String position,
      byte[] bytes,
      BiFunction<String, String, Map<String, @Nullable Object>> parser) {
    String place = Row.place(path.toString(), position);
    return new Row(path.toString(), line, position, parser.apply(place, Text.decode(place, bytes)));
  }

  private static DataFile json(Path path, Content content) {
    if (scanner(path, content).first() == '[') {
      Index index = scanner(path, content).elements();
      return checked(
          path, content, index, i -> "element %d (line %d)".formatted(i + 1, index.line(i)));
    }
    Index lines = scanner(path, content).lines();
    try {
      return checked(path, content, lines, i -> line(lines.line(i)));
    } catch (DataException e) {
      Index whole = scanner(path, content).object();
      if (lines.size() > 1 && whole.size() == 1) {
        return checked(path, content, whole, i -> "the object");
      }
      throw e;
    }
  }

  private static DataFile checked(
      Path path, Content content, Index index, IntFunction<String> position) {
    IntFunction<Row> parser =
        i ->
            row(
                path,
                index.line(i),
                position.apply(i),
                index.read(content, i),
                (place, text) -> Json.object(place, text));
    Set<String> columns = new LinkedHashSet<>();
    for (int i = 0; i < index.size(); i++) {
      columns.addAll(parser.apply(i).values().keySet());
    }
    return new DataFile(path, List.copyOf(columns), index.size(), content, parser);
  }

  private static DataFile delimited(
      Path path, Content content, Delimited format, List<String> columns) {
    Index index = format.index(scanner(path, content));
    int header = columns.isEmpty() ? 1 : 0;
    if (index.size() <= header) {
      return new DataFile(
          path, columns, 0, content, i -> new Row(path.toString(), 0, "", Map.of()));
    }
    String first = Row.place(path.toString(), line(index.line(0)));
    List<String> names =
        Delimited.distinct(
            first,
            header == 0
                ? columns
                : format.values(first, Text.decode(first, index.read(content, 0))));
    IntFunction<Row> parser =
        i ->
            row(
                path,
                index.line(i + header),
                line(index.line(i + header)),
                index.read(content, i + header),
                (place, record) -> format.row(place, names, record));
    DataFile file = new DataFile(path, names, index.size() - header, content, parser);
    for (int i = 0; i < file.size(); i++) {
      Objects.requireNonNull(file.parser().apply(i));
    }
    return file;
  }

  private static DataFile text(Path path, Content content) {
    Index index = scanner(path, content).lines();
    return new DataFile(
        path,
        List.of("text"),
        index.size(),
        content,
        i ->
            row(
                path,
                index.line(i),
                line(index.line(i)),
                index.read(content, i),
                (place, text) -> Map.of("text", text)));
  }

  private static DataFile parquet(Path path, int mostHeld) {
    ParquetRows.Unpacked unpacked;
    try {
      unpacked = ParquetRows.of(path, mostHeld);
    } catch (NoClassDefFoundError e) {
      throw new IllegalStateException(
          path
              + " is a Parquet file. Its reader is not among the dependencies: add"
              + " blue.strategic.parquet:parquet-floor:2.3",
          e);
    }
    Content lines = unpacked.lines();
    Index index = scanner(path, lines).lines();
    return new DataFile(
        path,
        unpacked.columns(),
        index.size(),
        lines,
        i -> row(path, 0, "row " + (i + 1), index.read(lines, i), Json::object));
  }
}
