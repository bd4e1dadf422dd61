package io.github.peft4j.spark;

import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.reader.JsonLines;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.jspecify.annotations.Nullable;

/**
 * The rows of a data set in the order of its partitions, as each executor gets them.
 *
 * @param lines the rows as JSON
 * @param partitions the number of rows of each partition
 */
record CollectedRows(String[] lines, int[] partitions, RowRoles roles, @Nullable String key)
    implements Serializable {

  /**
   * Checks the columns, then each row, and brings the rows to the driver.
   *
   * @param longest the most characters of a text
   * @throws IllegalArgumentException if a column is missing; no job has run then
   */
  static CollectedRows of(
      Dataset<Row> rows, String setting, RowRoles roles, @Nullable String key, int longest) {
    roles.columns().forEach(column -> Schemas.require(rows.schema(), setting, column));
    List<String> columns = new ArrayList<>(roles.columns());
    if (key != null) {
      Schemas.require(rows.schema(), "key", key);
      if (!columns.contains(key)) {
        columns.add(key);
      }
    }
    Dataset<Row> used =
        rows.select(columns.stream().distinct().map(functions::col).toArray(Column[]::new));
    List<String> lines = new ArrayList<>();
    List<Integer> partitions = new ArrayList<>();
    used.mapPartitions(new Check(roles.columns(), new RowNames(key), longest), Encoders.STRING())
        .toLocalIterator()
        .forEachRemaining(
            line -> {
              int bar = line.indexOf(' ');
              int partition = Integer.parseInt(line.substring(0, bar));
              while (partitions.size() <= partition) {
                partitions.add(0);
              }
              partitions.set(partition, partitions.get(partition) + 1);
              lines.add(line.substring(bar + 1));
            });
    if (lines.isEmpty()) {
      throw new IllegalArgumentException(setting + ": the data has no rows");
    }
    return new CollectedRows(
        lines.toArray(String[]::new), partitions.stream().mapToInt(i -> i).toArray(), roles, key);
  }

  /** Checks the rows of a partition, on an executor, and writes them as JSON. */
  private record Check(List<String> columns, RowNames names, int longest)
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

    private void check(int partition, long place, Row row, String column) {
      Object value = row.getAs(column);
      if (value == null) {
        throw names.error(partition, place, row, "column %s is null".formatted(column), null);
      }
      if (value instanceof String text && text.length() > longest) {
        throw names.error(
            partition,
            place,
            row,
            "column %s has %,d characters, more than the %,d of longestText"
                .formatted(column, text.length(), longest),
            null);
      }
    }
  }

  /**
   * Requires that each row has one of the classes of the model.
   *
   * @throws RowException for the first row that has another one
   */
  void requireLabels(List<String> known) {
    String column = roles.label();
    if (column == null) {
      return;
    }
    for (int i = 0; i < lines.length; i++) {
      String label = text(i, column);
      if (!known.contains(label)) {
        int partition = partitionOf(i);
        int before = Arrays.stream(partitions).limit(partition).sum();
        String name = key == null ? "row " + (i - before + 1) : key + " = " + text(i, key);
        throw new RowException(
            partition,
            name,
            "the label (column %s) is '%s', expected one of the model's %s"
                .formatted(column, label, known),
            null);
      }
    }
  }

  private int partitionOf(int row) {
    int left = row;
    int partition = 0;
    while (left >= partitions[partition]) {
      left -= partitions[partition++];
    }
    return partition;
  }

  private String text(int row, String column) {
    JsonElement value = JsonParser.parseString(lines[row]).getAsJsonObject().get(column);
    return value == null || value.isJsonNull()
        ? "null"
        : value.isJsonPrimitive() ? value.getAsString() : value.toString();
  }

  /** The examples, read from a file that is written here. */
  Examples<?> examples(Path file) throws IOException {
    Files.write(file, Arrays.asList(lines));
    return roles.source().examples(JsonLines.read(file));
  }
}
