package io.github.peft4j.data.reader;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Quote;
import io.github.peft4j.data.format.Row;
import io.github.peft4j.data.format.Rows;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The rows of a table, and the examples that are made of them. Whatever is wrong with a row gets
 * the file and the line.
 *
 * @param rows the rows
 * @param leftOut how many rows filters have left out
 */
record TableRows(Rows rows, int leftOut) {

  private static final Logger LOG = LoggerFactory.getLogger(Table.class);

  String source() {
    return rows.source();
  }

  List<String> columns() {
    return rows.columns();
  }

  int size() {
    return rows.size();
  }

  /** A column or a template. The table has every column that it names. */
  Column column(String text) {
    Template template = Template.parse(text);
    template.columns().forEach(this::existing);
    return new Column(template);
  }

  /** The name of a column that the table has. */
  String existing(String column) {
    if (!columns().contains(column)) {
      throw new DataException(
          "%s: no column '%s': the columns are %s"
              .formatted(source(), Quote.shorten(column), Quote.list(columns())));
    }
    return column;
  }

  /**
   * The rows that satisfy a condition.
   *
   * @param reason why others are left out, for the log
   * @throws DataException if there are none
   */
  TableRows keep(String reason, Predicate<Row> condition) {
    int[] kept = IntStream.range(0, size()).filter(row -> condition.test(rows.get(row))).toArray();
    int fewer = size() - kept.length;
    if (kept.length == 0) {
      throw new DataException(
          "%s: all %d rows are left out (%s), expected one at least"
              .formatted(source(), fewer, reason));
    }
    if (fewer == 0) {
      return this;
    }
    LOG.info("{}: {} of {} rows are left out ({})", source(), fewer, size(), reason);
    return new TableRows(rows.select(kept), leftOut + fewer);
  }

  /** Reads every row once, in order. */
  void each(Consumer<Row> reader) {
    for (int i = 0; i < size(); i++) {
      read(
          i,
          row -> {
            reader.accept(row);
            return row;
          });
    }
  }

  /** Examples of rows that have some columns. */
  <E extends Example> Dataset<E> fields(Function<Fields, E> mapping, String... needed) {
    for (String column : needed) {
      existing(column);
    }
    return examples(row -> mapping.apply(new Fields(row.values())));
  }

  /**
   * Makes every example once, so that errors are found now. They are kept if their rows are in
   * memory, and made anew when they are needed if the rows are on disk.
   */
  <E extends Example> Dataset<E> examples(Function<Row, E> mapping) {
    IntFunction<E> example = i -> read(i, mapping);
    if (rows.held()) {
      return new Dataset<>(IntStream.range(0, size()).mapToObj(example).toList());
    }
    IntStream.range(0, size()).mapToObj(example).forEach(Objects::requireNonNull);
    return Dataset.of(size(), example);
  }

  private <T> T read(int number, Function<Row, T> reader) {
    Row row = rows.get(number);
    try {
      return reader.apply(row);
    } catch (DataException e) {
      throw DataException.at(row.place(), e);
    }
  }

  @Override
  public String toString() {
    return "%s: %,d row%s with the column%s %s"
            .formatted(
                source(),
                size(),
                size() == 1 ? "" : "s",
                columns().size() == 1 ? "" : "s",
                Quote.list(columns()))
        + (leftOut == 0 ? "" : " (%,d left out)".formatted(leftOut));
  }
}
