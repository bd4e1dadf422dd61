package io.github.peft4j.data.format;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Quote;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;
import org.jspecify.annotations.Nullable;

/** Records of values between delimiters. */
enum Delimited {
  COMMAS(CSVFormat.RFC4180, ',', true),
  TABS(CSVFormat.RFC4180.builder().setDelimiter('\t').setQuote(null).get(), '\t', false);

  private final CSVFormat format;
  private final char delimiter;
  private final boolean quoted;

  Delimited(CSVFormat format, char delimiter, boolean quoted) {
    this.format = format;
    this.delimiter = delimiter;
    this.quoted = quoted;
  }

  Index index(Scanner scanner) {
    return scanner.records(delimiter, quoted);
  }

  /** The values of one record. */
  List<String> values(String place, String record) {
    List<CSVRecord> records;
    try (CSVParser parser = CSVParser.parse(record, format)) {
      records = parser.getRecords();
    } catch (IOException | UncheckedIOException e) {
      Throwable cause =
          e instanceof UncheckedIOException && e.getCause() != null ? e.getCause() : e;
      throw new DataException(
          "%s: %s. Quote a value that holds a quotation mark, and double the mark: '%s'"
              .formatted(place, cause.getMessage(), Quote.shorten(record)),
          e);
    }
    if (records.size() != 1) {
      throw new DataException(
          "%s: expected one record, found %d: '%s'"
              .formatted(place, records.size(), Quote.shorten(record)));
    }
    return records.get(0).toList();
  }

  /** Refuses names of columns of which two are the same. */
  static List<String> distinct(String place, List<String> names) {
    Set<String> seen = new HashSet<>();
    for (String name : names) {
      if (!seen.add(name)) {
        throw new DataException(
            "%s: the column name '%s' occurs twice in %s. Rename one of them"
                .formatted(place, Quote.shorten(name), Quote.list(names)));
      }
    }
    return names;
  }

  /** The values of one record by column. */
  Map<String, @Nullable Object> row(String place, List<String> names, String record) {
    List<String> values = values(place, record);
    if (values.size() != names.size()) {
      throw new DataException(
          "%s: expected %d values (%s), found %d: '%s'"
              .formatted(
                  place,
                  names.size(),
                  Quote.list(names),
                  values.size(),
                  Quote.shorten(String.join(" | ", values))));
    }
    Map<String, @Nullable Object> row = new LinkedHashMap<>();
    for (int i = 0; i < values.size(); i++) {
      row.put(names.get(i), values.get(i));
    }
    return row;
  }
}
