package io.github.peft4j.data.reader;

import io.github.peft4j.advice.Remedy;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Quote;
import io.github.peft4j.data.Values;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The values of a row, or of an object within it, taken as what they should be. */
record Fields(Map<String, @Nullable Object> values) {

  boolean has(String column) {
    return values.get(column) != null;
  }

  @Nullable Object get(String column) {
    return values.get(column);
  }

  /** A text, which may be empty; numbers and booleans count as text. */
  String text(String column) {
    Object value = values.get(column);
    String text = Values.text(value);
    if (text == null) {
      throw wrong(column, value, "text");
    }
    return text;
  }

  /** A text; empty if the value is missing or null. */
  String textOrEmpty(String column) {
    return has(column) ? text(column) : "";
  }

  List<?> list(String column) {
    Object value = values.get(column);
    if (!(value instanceof List<?> list)) {
      throw wrong(column, value, "a list");
    }
    return list;
  }

  /** The objects of a list. */
  List<Fields> objects(String column) {
    List<Fields> objects = new ArrayList<>();
    for (Object element : list(column)) {
      objects.add(object(column, element));
    }
    return objects;
  }

  @SuppressWarnings("unchecked") // maps of Values have strings as keys
  static Fields object(String column, @Nullable Object value) {
    if (!(value instanceof Map<?, ?> map)) {
      throw wrong(column, value, "objects");
    }
    return new Fields((Map<String, @Nullable Object>) map);
  }

  /** The texts of a list. */
  List<String> texts(String column) {
    List<String> texts = new ArrayList<>();
    for (Object element : list(column)) {
      String text = Values.text(element);
      if (text == null) {
        throw wrong(column, element, "a list of texts");
      }
      texts.add(text);
    }
    return texts;
  }

  /** A list of texts, or a word on how to read one text as several. */
  List<String> labels(String column) {
    if (values.get(column) instanceof String text) {
      throw new DataException(
          wrong(column, text, "a list").fact(),
          Remedy.SEPARATE_LABELS.with(
              "If labels are separated in a text, say by what: .labels(\"%s\", \",\")"
                  .formatted(column),
              column));
    }
    return texts(column);
  }

  /** Whether a column says 1 or true, and not 0 or false. */
  boolean flag(String column) {
    String text = String.valueOf(Values.text(values.get(column))).strip();
    return switch (text.toLowerCase(Locale.ROOT)) {
      case "1", "1.0", "true" -> true;
      case "0", "0.0", "false" -> false;
      default ->
          throw new DataException(
              "column '%s' is '%s', expected 1 or 0, or true or false"
                  .formatted(column, Quote.shorten(text)));
    };
  }

  static DataException wrong(String column, @Nullable Object value, String expected) {
    return new DataException(
        value == null
            ? "column '%s' is missing or null, expected %s".formatted(column, expected)
            : "column '%s' holds %s (%s), expected %s"
                .formatted(
                    column, Values.kind(value), Quote.shorten(Values.json(value)), expected));
  }
}
