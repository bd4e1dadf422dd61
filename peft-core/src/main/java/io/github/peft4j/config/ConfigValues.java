package io.github.peft4j.config;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Converts values of configs between Java and JSON, for the types that {@link PeftConfig} lists.
 */
public final class ConfigValues {

  private ConfigValues() {}

  /**
   * Reads a value.
   *
   * @param type of the component
   * @param source the name of the file in errors
   * @param field the name of the value in errors
   * @throws IllegalArgumentException if the value is wrong; the message names file, field, value
   *     and expected value
   */
  static @Nullable Object read(Type type, JsonElement value, String source, String field) {
    if (value.isJsonNull()) {
      return null;
    }
    try {
      if (type == int.class || type == Integer.class) {
        return whole(value);
      }
      if (type == double.class || type == Double.class) {
        return number(value);
      }
      if (type == boolean.class || type == Boolean.class) {
        if (!value.isJsonPrimitive() || !value.getAsJsonPrimitive().isBoolean()) {
          throw new IllegalArgumentException("true or false");
        }
        return value.getAsBoolean();
      }
      if (type == String.class) {
        return text(value);
      }
      if (type == TargetModules.class) {
        return value.isJsonArray()
            ? TargetModules.of(strings(value))
            : TargetModules.matching(text(value));
      }
      if (type instanceof ParameterizedType generic) {
        return readGeneric(generic, value);
      }
      if (type instanceof Class<?> raw) {
        return raw.isEnum()
            ? readChoice(raw, value)
            : raw.getMethod("fromJson", JsonElement.class).invoke(null, value);
      }
    } catch (InvocationTargetException e) {
      Throwable cause = Objects.requireNonNullElse(e.getCause(), e);
      if (cause instanceof UnsupportedMethodException) {
        throw new UnsupportedMethodException(
            source + ": field '" + field + "' is " + value + "; " + cause.getMessage());
      }
      boolean says = cause.getClass() == IllegalArgumentException.class; // not Gson's own words
      throw wrong(
          source, field, value, says ? "" + cause.getMessage() : "another kind of value", cause);
    } catch (IllegalArgumentException e) {
      throw wrong(source, field, value, "" + e.getMessage(), e);
    } catch (IllegalStateException | ArithmeticException | ReflectiveOperationException e) {
      throw wrong(source, field, value, kind(type), e);
    }
    throw new IllegalStateException("config components cannot be of " + type);
  }

  /**
   * The value for a null in the file where the component is never null: an empty pattern.
   *
   * @throws IllegalArgumentException for all other types
   */
  static Object none(Class<?> type, String source, String field) {
    if (type == Map.class) {
      return Map.of();
    }
    throw wrong(source, field, JsonNull.INSTANCE, "a value");
  }

  /** What a value of this type is in a file. */
  private static String kind(Type type) {
    if (type instanceof ParameterizedType generic) {
      Type[] types = generic.getActualTypeArguments();
      String values = kinds(types[types.length - 1]);
      return generic.getRawType() == List.class
          ? "a list of " + values
          : "an object whose values are " + values;
    }
    return type == TargetModules.class ? "a list of names, or a regular expression" : "a value";
  }

  private static String kinds(Type type) {
    if (type == Integer.class) {
      return "whole numbers";
    }
    return type == Double.class ? "numbers" : "names";
  }

  /**
   * The text of a JSON string.
   *
   * @throws IllegalArgumentException for all else; the message is what was expected
   */
  public static String text(JsonElement value) {
    if (!value.isJsonPrimitive() || !value.getAsJsonPrimitive().isString()) {
      throw new IllegalArgumentException("a text");
    }
    return value.getAsString();
  }

  /**
   * A whole number, which may be written as 8.0.
   *
   * @throws IllegalArgumentException for all else; the message is what was expected
   */
  public static int whole(JsonElement value) {
    try {
      return decimal(value).intValueExact();
    } catch (ArithmeticException | IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "a whole number from " + Integer.MIN_VALUE + " to " + Integer.MAX_VALUE, e);
    }
  }

  /**
   * A number in the range of float32, in which adapters compute.
   *
   * @throws IllegalArgumentException for all else; the message is what was expected
   */
  public static double number(JsonElement value) {
    double number = decimal(value).doubleValue();
    if (Math.abs(number) > Float.MAX_VALUE) {
      throw new IllegalArgumentException("a finite number that float32 holds");
    }
    return number;
  }

  private static BigDecimal decimal(JsonElement value) {
    if (!value.isJsonPrimitive() || !value.getAsJsonPrimitive().isNumber()) {
      throw new IllegalArgumentException("a number");
    }
    try {
      return value.getAsBigDecimal();
    } catch (NumberFormatException e) { // NaN, infinity
      throw new IllegalArgumentException("a finite number", e);
    }
  }

  private static Object readGeneric(ParameterizedType generic, JsonElement value) {
    Type last = generic.getActualTypeArguments()[generic.getActualTypeArguments().length - 1];
    if (generic.getRawType() == List.class) {
      if (last == Integer.class) {
        List<Integer> numbers = new ArrayList<>();
        for (JsonElement e : value.isJsonArray() ? value.getAsJsonArray() : singleton(value)) {
          numbers.add(element(generic, e, ConfigValues::whole));
        }
        return List.copyOf(numbers);
      }
      return strings(value);
    }
    Map<String, Object> map = new LinkedHashMap<>();
    for (Map.Entry<String, JsonElement> e : value.getAsJsonObject().entrySet()) {
      map.put(e.getKey(), element(generic, e.getValue(), reader(last)));
    }
    return map;
  }

  private static Function<JsonElement, Object> reader(Type type) {
    if (type == Integer.class) {
      return ConfigValues::whole;
    }
    return type == String.class ? ConfigValues::text : ConfigValues::number;
  }

  /** An element of a list or an object; an error says what the whole is to be. */
  private static <T> T element(Type whole, JsonElement value, Function<JsonElement, T> read) {
    try {
      return read.apply(value);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(kind(whole) + "; " + value + " is none", e);
    }
  }

  /** The enum constant with this spelling; names are accepted in upper and lower case. */
  private static Object readChoice(Class<?> type, JsonElement value) {
    List<JsonElement> choices = new ArrayList<>();
    for (Object constant : type.getEnumConstants()) {
      JsonElement written = write(constant);
      boolean anyCase = !(constant instanceof JsonChoice choice) || choice.ignoresCase();
      boolean named = value.isJsonPrimitive() && anyCase;
      if (written.equals(value)
          || (named && written.getAsString().equalsIgnoreCase(value.getAsString()))) {
        return constant;
      }
      choices.add(written);
    }
    throw new IllegalArgumentException("one of " + choices);
  }

  private static List<String> strings(JsonElement value) {
    List<String> strings = new ArrayList<>();
    for (JsonElement e : value.isJsonArray() ? value.getAsJsonArray() : singleton(value)) {
      if (!e.isJsonPrimitive() || !e.getAsJsonPrimitive().isString() || e.getAsString().isBlank()) {
        throw new IllegalArgumentException("a list of names; " + e + " is none");
      }
      strings.add(e.getAsString());
    }
    return List.copyOf(strings);
  }

  private static JsonArray singleton(JsonElement value) {
    JsonArray array = new JsonArray();
    array.add(value);
    return array;
  }

  private static IllegalArgumentException wrong(
      String source, String field, JsonElement value, String expected) {
    return wrong(source, field, value, expected, null);
  }

  private static IllegalArgumentException wrong(
      String source, String field, JsonElement value, String expected, @Nullable Throwable cause) {
    return new IllegalArgumentException(
        source + ": field '" + field + "' is " + value + "; expected " + expected, cause);
  }

  /** Writes a value. */
  public static JsonElement write(@Nullable Object value) {
    if (value == null) {
      return JsonNull.INSTANCE;
    }
    if (value instanceof Boolean flag) {
      return new JsonPrimitive(flag);
    }
    if (value instanceof Number number) {
      return new JsonPrimitive(number);
    }
    if (value instanceof String text) {
      return new JsonPrimitive(text);
    }
    if (value instanceof JsonChoice choice) {
      return write(choice.json());
    }
    if (value instanceof Enum<?> constant) {
      return new JsonPrimitive(constant.toString());
    }
    if (value instanceof TargetModules targets) {
      return targets.suffixes() != null ? write(targets.suffixes()) : write(targets.expression());
    }
    if (value instanceof List<?> list) {
      JsonArray array = new JsonArray();
      list.forEach(element -> array.add(write(element)));
      return array;
    }
    if (value instanceof Map<?, ?> map) {
      JsonObject object = new JsonObject();
      map.forEach(
          (key, element) -> object.add(String.valueOf(key), inStyleOf(null, write(element))));
      return object;
    }
    try {
      return (JsonElement) value.getClass().getMethod("toJson").invoke(value);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("config components cannot be of " + value.getClass(), e);
    }
  }

  /**
   * Python distinguishes 8 from 8.0, so a whole number is written without a point if the default
   * is.
   */
  static JsonElement inStyleOf(@Nullable JsonElement usual, JsonElement value) {
    boolean fraction = usual != null && usual.isJsonPrimitive() && usual.toString().contains(".");
    if (fraction || !value.isJsonPrimitive() || !value.getAsJsonPrimitive().isNumber()) {
      return value;
    }
    double number = value.getAsDouble();
    return number == Math.rint(number) ? new JsonPrimitive((long) number) : value;
  }
}
