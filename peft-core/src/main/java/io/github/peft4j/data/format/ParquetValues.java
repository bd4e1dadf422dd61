package io.github.peft4j.data.format;

import ai.djl.util.Float16Utils;
import io.github.peft4j.data.Values;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.time.temporal.JulianFields;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.io.api.Binary;
import org.apache.parquet.schema.GroupType;
import org.apache.parquet.schema.LogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.DateLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.DecimalLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.EnumLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.Float16LogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.IntLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.JsonLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.ListLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.MapLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.StringLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.TimeLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.TimeUnit;
import org.apache.parquet.schema.LogicalTypeAnnotation.TimestampLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.UUIDLogicalTypeAnnotation;
import org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName;
import org.apache.parquet.schema.Type;
import org.jspecify.annotations.Nullable;

/**
 * Parquet's values as {@link Values}. Dates and times become text in ISO 8601, decimal numbers and
 * UUIDs text. NaN is null, as pandas means it. Bytes, and types that text cannot be, become an
 * object that says how many bytes they are.
 */
final class ParquetValues {

  private static final DateTimeFormatter DATE_TIME = DateTimeFormatter.ISO_LOCAL_DATE_TIME;

  private ParquetValues() {}

  /** A row. */
  static Map<String, @Nullable Object> row(GroupType schema, Group row) {
    Map<String, @Nullable Object> values = new LinkedHashMap<>();
    for (int i = 0; i < schema.getFieldCount(); i++) {
      values.put(schema.getFieldName(i), field(schema.getType(i), row, i));
    }
    return values;
  }

  /**
   * An object within a row. Columns give all objects the same fields, so that a null means that
   * there is no such field.
   */
  private static Map<String, @Nullable Object> object(GroupType schema, Group group) {
    Map<String, @Nullable Object> values = row(schema, group);
    values.values().removeIf(value -> value == null);
    return values;
  }

  private static @Nullable Object field(Type type, Group group, int field) {
    int count = group.getFieldRepetitionCount(field);
    if (type.isRepetition(Type.Repetition.REPEATED)) {
      List<@Nullable Object> list = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        list.add(value(type, group, field, i));
      }
      return list;
    }
    return count == 0 ? null : value(type, group, field, 0);
  }

  private static @Nullable Object value(Type type, Group group, int field, int index) {
    if (type.isPrimitive()) {
      return primitive(type, group, field, index);
    }
    GroupType inner = type.asGroupType();
    Group value = group.getGroup(field, index);
    LogicalTypeAnnotation meaning = type.getLogicalTypeAnnotation();
    if (meaning instanceof ListLogicalTypeAnnotation && inner.getFieldCount() == 1) {
      return list(inner.getType(0), value);
    }
    if (meaning instanceof MapLogicalTypeAnnotation && inner.getFieldCount() == 1) {
      return map(inner.getType(0).asGroupType(), value);
    }
    return object(inner, value);
  }

  /** A list has a group for each element; old files have the element itself. */
  private static List<@Nullable Object> list(Type repeated, Group value) {
    boolean wrapped =
        !repeated.isPrimitive()
            && repeated.asGroupType().getFieldCount() == 1
            && !repeated.getName().equals("array")
            && !repeated.getName().endsWith("_tuple");
    List<@Nullable Object> list = new ArrayList<>();
    for (int i = 0; i < value.getFieldRepetitionCount(0); i++) {
      list.add(
          wrapped
              ? field(repeated.asGroupType().getType(0), value.getGroup(0, i), 0)
              : value(repeated, value, 0, i));
    }
    return list;
  }

  private static Map<String, @Nullable Object> map(GroupType entry, Group value) {
    Map<String, @Nullable Object> map = new LinkedHashMap<>();
    for (int i = 0; i < value.getFieldRepetitionCount(0); i++) {
      Group pair = value.getGroup(0, i);
      String key = Values.text(field(entry.getType(0), pair, 0));
      map.put(
          String.valueOf(key), entry.getFieldCount() > 1 ? field(entry.getType(1), pair, 1) : null);
    }
    return map;
  }

  private static @Nullable Object primitive(Type type, Group group, int field, int index) {
    LogicalTypeAnnotation meaning = type.getLogicalTypeAnnotation();
    return switch (type.asPrimitiveType().getPrimitiveTypeName()) {
      case BOOLEAN -> group.getBoolean(field, index);
      case FLOAT -> number(group.getFloat(field, index));
      case DOUBLE -> number(group.getDouble(field, index));
      case INT32 -> integer(group.getInteger(field, index), meaning, true);
      case INT64 -> integer(group.getLong(field, index), meaning, false);
      case BINARY, FIXED_LEN_BYTE_ARRAY, INT96 -> bytes(group, field, index, type, meaning);
    };
  }

  private static @Nullable Object number(double value) {
    return Double.isNaN(value)
        ? null
        : Double.isInfinite(value) ? (Object) Double.toString(value) : (Object) value;
  }

  private static Object integer(
      long value, @Nullable LogicalTypeAnnotation meaning, boolean narrow) {
    if (meaning instanceof DateLogicalTypeAnnotation) {
      return LocalDate.ofEpochDay(value).toString();
    }
    if (meaning instanceof TimestampLogicalTypeAnnotation time) {
      Instant instant = Instant.ofEpochSecond(0).plus(value, unit(time.getUnit()));
      return time.isAdjustedToUTC()
          ? instant.toString()
          : DATE_TIME.format(instant.atOffset(ZoneOffset.UTC).toLocalDateTime());
    }
    if (meaning instanceof TimeLogicalTypeAnnotation time) {
      return DateTimeFormatter.ISO_LOCAL_TIME.format(
          LocalTime.MIDNIGHT.plus(value, unit(time.getUnit())));
    }
    if (meaning instanceof DecimalLogicalTypeAnnotation decimal) {
      return BigDecimal.valueOf(value, decimal.getScale()).toPlainString();
    }
    if (meaning instanceof IntLogicalTypeAnnotation type && !type.isSigned()) {
      return narrow
          ? (Object) (value & 0xffffffffL)
          : Values.integer(new BigInteger(Long.toUnsignedString(value)));
    }
    return value;
  }

  private static ChronoUnit unit(TimeUnit unit) {
    return switch (unit) {
      case MILLIS -> ChronoUnit.MILLIS;
      case MICROS -> ChronoUnit.MICROS;
      case NANOS -> ChronoUnit.NANOS;
    };
  }

  /** Impala's time: nanoseconds of a day, and the Julian day, with the lowest byte first. */
  private static String time(Binary value) {
    ByteBuffer bytes = ByteBuffer.wrap(value.getBytes()).order(ByteOrder.LITTLE_ENDIAN);
    long nanos = bytes.getLong();
    return DATE_TIME.format(
        LocalDate.MIN
            .with(JulianFields.JULIAN_DAY, bytes.getInt())
            .atStartOfDay()
            .plusNanos(nanos));
  }

  private static @Nullable Object bytes(
      Group group, int field, int index, Type type, @Nullable LogicalTypeAnnotation meaning) {
    if (meaning instanceof StringLogicalTypeAnnotation
        || meaning instanceof EnumLogicalTypeAnnotation
        || meaning instanceof JsonLogicalTypeAnnotation) {
      return Text.utf8("column '" + type.getName() + "'", group.getBinary(field, index).getBytes());
    }
    if (type.asPrimitiveType().getPrimitiveTypeName() == PrimitiveTypeName.INT96) {
      return time(group.getInt96(field, index));
    }
    Binary value = group.getBinary(field, index);
    if (meaning instanceof Float16LogicalTypeAnnotation) {
      short half = ByteBuffer.wrap(value.getBytes()).order(ByteOrder.LITTLE_ENDIAN).getShort();
      return number(Float16Utils.halfToFloat(half));
    }
    if (meaning instanceof UUIDLogicalTypeAnnotation) {
      ByteBuffer bytes = ByteBuffer.wrap(value.getBytes());
      return new UUID(bytes.getLong(), bytes.getLong()).toString();
    }
    if (meaning instanceof DecimalLogicalTypeAnnotation decimal) {
      return new BigDecimal(new BigInteger(value.getBytes()), decimal.getScale()).toPlainString();
    }
    return Map.of("bytes", (long) value.length());
  }
}
