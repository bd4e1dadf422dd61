package io.github.peft4j.chat.python;

import java.math.BigInteger;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Python's {@code json.dumps}.
 *
 * @param ascii whether characters above 127 are escaped
 * @param indent what each level is indented by; null: all in one line
 * @param itemSeparator between items
 * @param keySeparator between a key and its value
 * @param sorted whether keys are sorted
 */
public record Json(
    boolean ascii,
    @Nullable String indent,
    String itemSeparator,
    String keySeparator,
    boolean sorted) {

  /** The JSON of a value. */
  public String dumps(Object value, Budget budget) {
    StringBuilder out = new StringBuilder();
    append(value, out, 0, budget);
    return budget.text(out);
  }

  private void append(Object value, StringBuilder out, int level, Budget budget) {
    budget.check(out);
    budget.enter();
    String text = Sequences.text(value);
    Map<Object, Object> map = Sequences.dict(value);
    if (text != null) {
      quote(text, out);
    } else if (value instanceof Long || value instanceof BigInteger) {
      out.append(Repr.repr(value, budget));
    } else if (value instanceof Boolean) {
      out.append(value);
    } else if (value == None.NONE) {
      out.append("null");
    } else if (value instanceof Double number) {
      out.append(floating(number));
    } else if (value instanceof List || value instanceof Tuple) {
      items(Sequences.list(value), out, level, budget);
    } else if (map != null) {
      dict(map, out, level, budget);
    } else {
      throw new PythonException(
          "Object of type " + Sequences.type(value) + " is not JSON serializable");
    }
    budget.leave();
  }

  private static String floating(double number) {
    if (Double.isNaN(number)) {
      return "NaN";
    }
    return Double.isInfinite(number)
        ? number > 0 ? "Infinity" : "-Infinity"
        : Repr.floating(number);
  }

  private void items(List<Object> items, StringBuilder out, int level, Budget budget) {
    if (items.isEmpty()) {
      out.append("[]");
      return;
    }
    out.append('[');
    Iterator<Object> each = items.iterator();
    while (each.hasNext()) {
      newLine(out, level + 1, budget);
      append(each.next(), out, level + 1, budget);
      out.append(each.hasNext() ? itemSeparator : "");
    }
    newLine(out, level, budget);
    out.append(']');
  }

  private void dict(Map<Object, Object> map, StringBuilder out, int level, Budget budget) {
    if (map.isEmpty()) {
      out.append("{}");
      return;
    }
    List<Object> keys = Sequences.list(map);
    if (sorted) {
      keys = Comparison.sorted(keys, key -> key, false, budget);
    }
    out.append('{');
    Iterator<Object> each = keys.iterator();
    while (each.hasNext()) {
      Object key = each.next();
      newLine(out, level + 1, budget);
      quote(key(key, budget), out);
      out.append(keySeparator);
      append(map.getOrDefault(key, None.NONE), out, level + 1, budget);
      out.append(each.hasNext() ? itemSeparator : "");
    }
    newLine(out, level, budget);
    out.append('}');
  }

  private static String key(Object key, Budget budget) {
    if (key instanceof String text) {
      return text;
    } else if (key == None.NONE) {
      return "null";
    } else if (Numbers.isNumber(key)) {
      return Repr.repr(key, budget);
    }
    throw new PythonException(
        "keys must be str, int, float, bool or None, not " + Sequences.type(key));
  }

  private void newLine(StringBuilder out, int level, Budget budget) {
    if (indent != null) {
      out.append('\n').append(Texts.repeat(indent, level, budget));
    }
  }

  private void quote(String text, StringBuilder out) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        case '\f' -> out.append("\\f");
        case '\b' -> out.append("\\b");
        default -> {
          if (c < ' ' || (ascii && c > '~')) {
            out.append("\\u%04x".formatted((int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append('"');
  }
}
