package io.github.peft4j.spark;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
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
   * @throws IllegalArgumentException if there is none, or if there are two of the name; the message
   *     lists the columns
   */
  static RowField require(StructType schema, String setting, String column) {
    int[] places =
        IntStream.range(0, schema.length())
            .filter(i -> schema.fields()[i].name().equals(column))
            .toArray();
    if (places.length != 1) {
      throw new IllegalArgumentException(
          "%s(\"%s\"): the data has %s of this name; it has %s"
              .formatted(
                  setting,
                  column,
                  places.length == 0 ? "no column" : places.length + " columns",
                  List.of(schema.fieldNames())));
    }
    return new RowField(column, places[0]);
  }

  /** Requires a column of texts. */
  static RowField requireText(StructType schema, String setting, String column) {
    RowField field = require(schema, setting, column);
    DataType type = schema.fields()[field.index()].dataType();
    if (!type.equals(DataTypes.StringType)) {
      throw new IllegalArgumentException(
          "%s(\"%s\"): the column is of type %s, expected string: cast it"
              .formatted(setting, column, type.simpleString()));
    }
    return field;
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
