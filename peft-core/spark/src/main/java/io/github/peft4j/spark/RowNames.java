package io.github.peft4j.spark;

import java.io.Serializable;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;

/**
 * Names rows in errors: by the value of a key column, or by their place in the partition.
 *
 * @param key the column, or null
 */
record RowNames(@Nullable String key) implements Serializable {

  private static final int MOST = 80;

  /**
   * The error of a row.
   *
   * @param place of the row in its partition, from 0
   */
  RowException error(int partition, long place, Row row, String what, @Nullable Throwable cause) {
    return new RowException(partition, name(place, row), what, cause);
  }

  private String name(long place, Row row) {
    if (key == null) {
      return "row " + (place + 1);
    }
    String value = String.valueOf(row.<Object>getAs(key));
    return key + " = " + (value.length() > MOST ? value.substring(0, MOST) + "…" : value);
  }
}
