package io.github.peft4j.data;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Values as JSON has them, in the types that Python's {@code json} gives them: null, {@link
 * String}, {@link Boolean}, {@link Long} or {@link BigInteger} for an int, {@link Double} for a
 * float, {@link List}, and {@link Map} with its keys in order.
 */
public final class Values {

  /** The most lists and maps inside each other. Python's reader stops near 1000. */
  public static final int MOST_DEPTH = 200;

  private static final BigInteger LEAST = BigInteger.valueOf(Long.MIN_VALUE);
  private static final BigInteger MOST = BigInteger.valueOf(Long.MAX_VALUE);

  private static final Gson JSON =
      new GsonBuilder()
          .serializeNulls()
          .disableHtmlEscaping()
          .serializeSpecialFloatingPointValues()
          .create();

  private Values() {}

  /**
   * A deep, unmodifiable copy of a value. Whole numbers become {@link Long}, or {@link BigInteger}
   * where they are too large; {@code float} becomes {@link Double}.
   *
   * @param value a value, or lists and maps of values
   * @return the copy
   * @throws DataException if there is a value of another type, a key that is no string, or too many
   *     levels
   */
  public static @Nullable Object copy(@Nullable Object value) {
    return copy(value, 0);
  }

  /**
   * A deep, unmodifiable copy of a map, with its order.
   *
   * @param map the map
   * @return the copy
   * @throws DataException as {@link #copy(Object)}
   */
  public static Map<String, @Nullable Object> copy(Map<?, ? extends @Nullable Object> map) {
    return copy(map, 0);
  }

  private static Map<String, @Nullable Object> copy(
      Map<?, ? extends @Nullable Object> map, int depth) {
    Map<String, @Nullable Object> copy = new LinkedHashMap<>();
    map.forEach(
        (key, value) -> {
          if (!(key instanceof String name)) {
            throw new DataException("key %s is a %s, expected a string".formatted(key, kind(key)));
          }
          copy.put(name, copy(value, depth + 1));
        });
    return Collections.unmodifiableMap(copy);
  }

  private static @Nullable Object copy(@Nullable Object value, int depth) {
    if (depth > MOST_DEPTH) {
      throw new DataException(
          "there are more than %d lists and objects inside each other".formatted(MOST_DEPTH));
    }
    if (value instanceof Map<?, ?> map) {
      return copy(map, depth);
    }
    if (value instanceof List<?> list) {
      List<@Nullable Object> copy = new ArrayList<>(list.size());
      list.forEach(element -> copy.add(copy(element, depth + 1)));
      return Collections.unmodifiableList(copy);
    }
    return scalar(value);
  }

  private static @Nullable Object scalar(@Nullable Object value) {
    if (value == null
        || value instanceof String
        || value instanceof Boolean
        || value instanceof Long
        || value instanceof Double) {
      return value;
    }
    if (value instanceof Integer || value instanceof Short || value instanceof Byte) {
      return ((Number) value).longValue();
    }
    if (value instanceof Float number) {
      return number.doubleValue();
    }
    if (value instanceof BigInteger number) {
      return integer(number);
    }
    throw new DataException(
        "a value is a %s (%s), expected a string, number, boolean, list, map or null"
            .formatted(value.getClass().getName(), Quote.shorten(value + "")));
  }

  /**
   * A whole number.
   *
   * @param number the number
   * @return a {@link Long}, or the number itself if it is too large for that
   */
  public static Number integer(BigInteger number) {
    return number.compareTo(LEAST) < 0 || number.compareTo(MOST) > 0
        ? number
        : (Number) number.longValue();
  }

  /**
   * What a value is, in the words of JSON, for messages.
   *
   * @param value a value
   * @return such as {@code "a list"}
   */
  public static String kind(@Nullable Object value) {
    if (value == null) {
      return "null";
    }
    return value instanceof String
        ? "text"
        : value instanceof Boolean
            ? "a boolean"
            : value instanceof Number
                ? "a number"
                : value instanceof List
                    ? "a list"
                    : value instanceof Map ? "an object" : "a " + value.getClass().getSimpleName();
  }

  /**
   * A single value as text: a string itself, a boolean as {@code true}, a whole number without a
   * fraction, so that 1.0 is {@code 1}.
   *
   * @param value a value
   * @return the text, or null for null, lists and maps
   */
  public static @Nullable String text(@Nullable Object value) {
    if (value instanceof Double number) {
      boolean whole = number == Math.rint(number) && Math.abs(number) < 1e15;
      return whole ? Long.toString(number.longValue()) : number.toString();
    }
    return value == null || value instanceof List || value instanceof Map ? null : value.toString();
  }

  /**
   * The JSON text of a value, on one line.
   *
   * @param value a value
   * @return its JSON
   */
  public static String json(@Nullable Object value) {
    return JSON.toJson(value);
  }
}
