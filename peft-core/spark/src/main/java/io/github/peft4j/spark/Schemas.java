package io.github.peft4j.spark;

import java.util.Arrays;
import java.util.List;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/** Checks of columns, on the driver, before any job runs. */
final class Schemas {

  private Schemas() {}

  /**
   * Requires a column.
   *
   * @param setting what names it, for the error
   * @throws IllegalArgumentException if there is none; the message lists the columns
   */
  static StructField require(StructType schema, String setting, String column) {
    return Arrays.stream(schema.fields())
        .filter(field -> field.name().equals(column))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "%s(\"%s\"): the data has no column of this name; it has %s"
                        .formatted(setting, column, List.of(schema.fieldNames()))));
  }

  /** Requires a column of texts. */
  static void requireText(StructType schema, String setting, String column) {
    DataType type = require(schema, setting, column).dataType();
    if (!type.equals(DataTypes.StringType)) {
      throw new IllegalArgumentException(
          "%s(\"%s\"): the column is of type %s, expected string: cast it"
              .formatted(setting, column, type.simpleString()));
    }
  }

  /**
   * The schema with further columns.
   *
   * @throws IllegalArgumentException if there is a column of such a name
   */
  static StructType with(StructType schema, List<StructField> more) {
    StructType all = schema;
    for (StructField field : more) {
      if (Arrays.stream(schema.fieldNames()).anyMatch(field.name()::equalsIgnoreCase)) {
        throw new IllegalArgumentException(
            "the data has a column '%s' already: choose another name by into(name)"
                .formatted(field.name()));
      }
      all = all.add(field);
    }
    return all;
  }
}
