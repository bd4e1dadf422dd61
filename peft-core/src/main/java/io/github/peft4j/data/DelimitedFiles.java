package io.github.peft4j.data;

import io.github.peft4j.data.Table.Row;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;

/** The shared reader of comma-separated and tab-separated files. */
final class DelimitedFiles {

  private DelimitedFiles() {}

  static Table read(CSVFormat format, Path path, String... columns) {
    CSVFormat skipping = format.builder().setIgnoreEmptyLines(true).get();
    return TextFiles.read(path, reader -> parse(skipping, path, reader, List.of(columns)));
  }

  private static Table parse(
      CSVFormat format, Path path, BufferedReader reader, List<String> columns) throws IOException {
    List<String> names = columns;
    List<Row> rows = new ArrayList<>();
    try (CSVParser parser = CSVParser.builder().setReader(reader).setFormat(format).get()) {
      Iterator<CSVRecord> records = parser.iterator();
      while (true) {
        List<String> values = next(records, path);
        if (values.isEmpty()) {
          return new Table(path.toString(), names, rows);
        } else if (names.isEmpty()) {
          names = distinct(path, values);
        } else {
          rows.add(row(path, parser.getCurrentLineNumber(), names, values));
        }
      }
    }
  }

  /** The values of the next record, none at the end. */
  private static List<String> next(Iterator<CSVRecord> records, Path path) throws IOException {
    try {
      return records.hasNext() ? records.next().toList() : List.of();
    } catch (UncheckedIOException e) {
      // The parser reports bad quoting and bad encoding alike.
      IOException cause = Objects.requireNonNull(e.getCause());
      if (cause instanceof CharacterCodingException) {
        throw cause;
      }
      throw new DataException(
          "%s: %s. Quote a value that holds a quotation mark, and double the mark"
              .formatted(path, cause.getMessage()),
          e);
    }
  }

  private static List<String> distinct(Path path, List<String> names) {
    if (names.stream().distinct().count() < names.size()) {
      throw new DataException(
          "%s, line 1: a column name occurs twice in %s. Rename one of them"
              .formatted(path, Quote.list(names)));
    }
    return names;
  }

  // The line is the one where the record ends, because a record may span lines.
  private static Row row(Path path, long line, List<String> names, List<String> values) {
    if (values.size() != names.size()) {
      throw new DataException(
          "%s, line %d: expected %d values (%s), found %d: '%s'"
              .formatted(
                  path,
                  line,
                  names.size(),
                  Quote.list(names),
                  values.size(),
                  Quote.shorten(String.join(" | ", values))));
    }
    Map<String, String> row = new HashMap<>();
    for (int i = 0; i < names.size(); i++) {
      row.put(names.get(i), values.get(i));
    }
    return new Row(line, row);
  }
}
