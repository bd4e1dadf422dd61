package io.github.peft4j.chat.python;

import java.util.List;
import java.util.Map;

/** Keys of dicts. */
public final class Keys {

  private static final int LONGEST = 100;

  private Keys() {}

  /**
   * A value as a key. Numbers that Python takes for equal are the same key: {@code true}, 1 and
   * 1.0.
   *
   * @throws PythonException if the value cannot be a key
   */
  public static Object key(Object value) {
    if (value instanceof List || value instanceof Map || value instanceof View) {
      throw new PythonException("unhashable type: '" + Sequences.type(value) + "'");
    }
    if (value instanceof Markup markup) {
      return markup.text();
    }
    if (value instanceof Boolean) {
      return Numbers.of(Numbers.big(value));
    }
    if (value instanceof Double number && number == Math.rint(number) && Math.abs(number) < 1e15) {
      return number.longValue();
    }
    if (value instanceof Tuple tuple) {
      if (tuple.items().size() > LONGEST) {
        throw new PythonException("a key of " + tuple.items().size() + " values");
      }
      return new Tuple(tuple.items().stream().map(Keys::part).toList());
    }
    return value;
  }

  /** A value of a tuple. Tuples in tuples could be of exponential size. */
  private static Object part(Object value) {
    if (value instanceof Tuple) {
      throw new PythonException("tuples of tuples are not supported as keys");
    }
    return key(value);
  }

  /** A value as the key of a new entry: a bool or float, which would be shown as an int, is not. */
  public static Object newKey(Object value) {
    if (value instanceof Boolean || value instanceof Double) {
      throw new PythonException(
          "keys of type " + Sequences.type(value) + " are not supported in dicts of templates");
    }
    return key(value);
  }
}
