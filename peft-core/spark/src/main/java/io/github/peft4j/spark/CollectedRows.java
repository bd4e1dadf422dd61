package io.github.peft4j.spark;

import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.reader.JsonLines;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.jspecify.annotations.Nullable;

/**
 * The rows of a data set in the order of its partitions, as each executor gets them, until this is
 * closed.
 *
 * @param broadcast the rows as JSON; nothing else, as Spark's serialiser may be Kryo
 * @param partitions the number of rows of each partition
 */
record CollectedRows(
    Broadcast<String[]> broadcast, int[] partitions, RowRoles roles, RowNames names)
    implements Serializable, AutoCloseable {

  /**
   * Checks the columns, then each row, and brings the rows to the driver.
   *
   * @param setting what sets the rows, for errors
   * @param data what the rows are in errors, see {@link RowNames}
   * @param longest the most characters of a text
   * @throws IllegalArgumentException if a column is missing; no job has run then
   * @throws RowException if a value is null or too long
   */
  static CollectedRows of(
      Dataset<Row> rows,
      String setting,
      String data,
      RowRoles roles,
      @Nullable String key,
      int longest) {
    String column = setting + "(rows), column";
    roles.columns().forEach(name -> Schemas.require(rows.schema(), column, name));
    Set<String> columns = new LinkedHashSet<>(roles.columns());
    if (key != null) {
      Schemas.require(rows.schema(), "key", key);
      columns.add(key);
    }
    Dataset<Row> used =
        rows.select(columns.stream().map(CollectedRows::quoted).toArray(Column[]::new));
    RowNames names =
        new RowNames(data, key == null ? null : Schemas.require(used.schema(), "key", key));
    List<RowField> checked =
        roles.columns().stream().map(name -> Schemas.require(used.schema(), column, name)).toList();
    String[] lines =
        collected(
            used.mapPartitions(
                new Check(checked, roles.needed(), names, longest), Encoders.STRING()));
    if (lines.length == 0) {
      throw new IllegalArgumentException(setting + "(rows): the data has no rows");
    }
    int[] partitions = new int[partition(lines[lines.length - 1]) + 1];
    for (int i = 0; i < lines.length; i++) {
      partitions[partition(lines[i])]++;
      lines[i] = lines[i].substring(lines[i].indexOf(' ') + 1);
    }
    return new CollectedRows(
        JavaSparkContext.fromSparkContext(rows.sparkSession().sparkContext()).broadcast(lines),
        partitions,
        roles,
        names);
  }

  /** The lines in their order. A bad row is an error of its own, and not a cause of Spark's. */
  private static String[] collected(Dataset<String> lines) {
    try {
      return lines.collectAsList().toArray(String[]::new);
    } catch (Exception e) {
      for (Throwable cause = e; cause != null; cause = cause.getCause()) {
        if (cause instanceof RowException row) {
          throw row;
        }
      }
      throw e;
    }
  }

  /** A column by its whole name, which may have dots. */
  private static Column quoted(String column) {
    return functions.col("`" + column.replace("`", "``") + "`");
  }

  /** The number before a line. */
  private static int partition(String line) {
    return Integer.parseInt(line.substring(0, line.indexOf(' ')));
  }

  /** Checks the rows of a partition, on an executor, and writes them as JSON. */
  private record Check(List<RowField> columns, Set<String> needed, RowNames names, int longest)
      implements MapPartitionsFunction<Row, String> {

    @Override
    public Iterator<String> call(Iterator<Row> rows) {
      int partition = TaskContext.getPartitionId();
      return new Iterator<>() {
        private long taken;

        @Override
        public boolean hasNext() {
          return rows.hasNext();
        }

        @Override
        public String next() {
          Row row = rows.next();
          columns.forEach(column -> check(partition, taken, row, column));
          taken++;
          return partition + " " + row.json();
        }
      };
    }

    private void check(int partition, long place, Row row, RowField column) {
      Object value = column.of(row);
      if (value == null && needed.contains(column.name())) {
        throw names.error(
            partition, place, row, "column %s is null".formatted(column.name()), null);
      }
      if (value instanceof String text && text.length() > longest) {
        throw names.error(
            partition,
            place,
            row,
            "column %s has %,d characters, more than the %,d of longestText"
                .formatted(column.name(), text.length(), longest),
            null);
      }
    }
  }

  /**
   * Requires that each row has one of the classes of the model.
   *
   * @throws RowException for the first row that has another one
   * @throws IllegalArgumentException if the model has no classes
   */
  void requireLabels(List<String> known) {
    String column = roles.label();
    if (column == null) {
      return;
    }
    if (known.isEmpty()) {
      throw new IllegalArgumentException(
          ("label(\"%s\"): the model has no labels. Say them where it is loaded: SparkModel.of(place,"
                  + " folder -> Peft.from(folder).task(Task.classification(\"no\", \"yes\")))")
              .formatted(column));
    }
    String[] lines = broadcast.value();
    for (int i = 0; i < lines.length; i++) {
      String label = text(lines[i], column);
      if (!known.contains(label)) {
        int partition = partitionOf(i);
        throw names.error(
            partition,
            i - before(partition),
            key(i),
            "the label (column %s) is '%s', expected one of the model's %s"
                .formatted(column, label, known),
            null);
      }
    }
  }

  /**
   * A message, with a row's partition and key where it says a line of the file or an example.
   *
   * @param file the rows as {@link #examples} wrote them
   * @param data what the core's errors call the data before the number of an example
   */
  String named(String message, Path file, String data) {
    String line = Pattern.quote(file + ", line ") + "(\\d+)";
    String example = "^" + Pattern.quote(data) + "example (\\d+)(?= \\()";
    String named = replaced(message, line, 1).replace(file.toString(), "the rows");
    return roles.each() ? replaced(named, example, 0) : named;
  }

  private String replaced(String message, String pattern, int first) {
    return Pattern.compile(pattern)
        .matcher(message)
        .replaceAll(
            match -> {
              int row = Integer.parseInt(match.group(1)) - first;
              int partition = partitionOf(row);
              return Matcher.quoteReplacement(
                  names.where(partition, row - before(partition), key(row)));
            });
  }

  /** The value of a row's key, as a text. */
  private String key(int row) {
    RowField key = names.key();
    return key == null ? "" : text(broadcast.value()[row], key.name());
  }

  /** The rows before a partition. */
  private int before(int partition) {
    return Arrays.stream(partitions).limit(partition).sum();
  }

  private int partitionOf(int row) {
    int left = row;
    int partition = 0;
    while (left >= partitions[partition]) {
      left -= partitions[partition++];
    }
    return partition;
  }

  private static String text(String line, String column) {
    JsonElement value = JsonParser.parseString(line).getAsJsonObject().get(column);
    return value == null || value.isJsonNull()
        ? "null"
        : value.isJsonPrimitive() ? value.getAsString() : value.toString();
  }

  /** The examples, read from a file that is written here. */
  Examples<?> examples(Path file) throws IOException {
    Files.write(file, Arrays.asList(broadcast.value()));
    return roles.source().examples(JsonLines.read(file));
  }

  @Override
  public void close() {
    broadcast.destroy();
  }
}
