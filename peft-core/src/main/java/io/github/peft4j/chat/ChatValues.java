package io.github.peft4j.chat;

import io.github.peft4j.chat.python.None;
import io.github.peft4j.chat.python.Numbers;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Java's values as those that templates see, and how long their texts are together. */
final class ChatValues {

  private static final int DEEPEST = 100;

  private long characters;

  /** The length of all texts so far. */
  long characters() {
    return characters;
  }

  /** A value: a text, number, truth value, list, map or null. */
  Object convert(@Nullable Object value, String name) {
    return convert(value, name, 0);
  }

  private Object convert(@Nullable Object value, String name, int depth) {
    if (depth > DEEPEST) {
      throw new TemplateException(name + " is nested more than " + DEEPEST + " deep");
    }
    if (value == null) {
      return None.NONE;
    } else if (value instanceof CharSequence text) {
      characters += text.length();
      return text.toString();
    } else if (value instanceof Boolean) {
      return value;
    } else if (value instanceof Number number) {
      return number(number);
    } else if (value instanceof Map<?, ?> map) {
      return map(map, name, depth);
    } else if (value instanceof Collection<?> list) {
      List<Object> items = new ArrayList<>(list.size());
      for (Object item : list) {
        items.add(convert(item, name, depth + 1));
      }
      characters += items.size();
      return items;
    }
    throw new TemplateException(
        "%s holds a value of %s; expected texts, numbers, truth values, lists, maps and nulls"
            .formatted(name, value.getClass().getName()));
  }

  private Map<Object, Object> map(Map<?, ?> map, String name, int depth) {
    Map<Object, Object> entries = new LinkedHashMap<>();
    for (Map.Entry<?, ?> entry : map.entrySet()) {
      if (!(entry.getKey() instanceof String key)) {
        throw new TemplateException(
            name + " has a map with the key " + entry.getKey() + "; expected keys that are texts");
      }
      characters += key.length();
      entries.put(key, convert(entry.getValue(), name, depth + 1));
    }
    return entries;
  }

  private static Object number(Number number) {
    if (number instanceof Double || number instanceof Float) {
      return number.doubleValue();
    } else if (number instanceof BigDecimal) {
      return number.doubleValue();
    } else if (number instanceof BigInteger big) {
      return Numbers.of(big);
    } else if (number instanceof Long
        || number instanceof Integer
        || number instanceof Short
        || number instanceof Byte) {
      return number.longValue();
    }
    String text = number.toString(); // as JSON parsers give numbers that they did not read
    return text.matches("-?\\d{1,4000}")
        ? Numbers.of(new BigInteger(text))
        : (Object) Double.valueOf(text);
  }
}
