package io.github.peft4j.spark;

import java.io.Serializable;
import java.util.HexFormat;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;

/**
 * Names rows in errors: by the value of a key column, or by their place in the partition.
 *
 * @param data of a partition, such as {@code " of the validation data"}
 * @param key the column, or null
 */
record RowNames(String data, @Nullable RowField key) implements Serializable {

  private static final int MOST = 80;

  /**
   * The error of a row.
   *
   * @param place of the row in its partition, from 0
   */
  RowException error(int partition, long place, Row row, String what, @Nullable Throwable cause) {
    return error(partition, place, key == null ? "" : text(key.of(row)), what, cause);
  }

  /**
   * The error of a row.
   *
   * @param value the key's, as a text
   */
  RowException error(
      int partition, long place, String value, String what, @Nullable Throwable cause) {
    return new RowException(
        partition, name(place, value), where(partition, place, value) + ": " + what, cause);
  }

  /** Where a row is: its partition, and its key or place. */
  String where(int partition, long place, String value) {
    return "partition %d%s, %s".formatted(partition, data, name(place, value));
  }

  private String name(long place, String value) {
    return key == null ? "row " + (place + 1) : "%s = %s".formatted(key.name(), shortened(value));
  }

  private static String shortened(String value) {
    return value.length() > MOST ? value.substring(0, MOST) + "…" : value;
  }

  private static String text(@Nullable Object value) {
    return value instanceof byte[] bytes ? HexFormat.of().formatHex(bytes) : String.valueOf(value);
  }
}
