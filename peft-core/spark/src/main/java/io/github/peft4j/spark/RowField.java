package io.github.peft4j.spark;

import java.io.Serializable;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;

/**
 * A column of rows. Its value is taken by its index, as a row need not know the names of its
 * columns.
 */
record RowField(String name, int index) implements Serializable {

  /** The value in a row. */
  @Nullable Object of(Row row) {
    return row.get(index);
  }

  /** The value in a row, of a column of texts. */
  @Nullable String text(Row row) {
    return row.getString(index);
  }
}
