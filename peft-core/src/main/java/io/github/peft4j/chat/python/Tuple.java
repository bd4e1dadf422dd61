package io.github.peft4j.chat.python;

import java.util.List;

/**
 * Python's {@code tuple}.
 *
 * @param items its values
 */
public record Tuple(List<Object> items) {

  /** A tuple of values. */
  public static Tuple of(Object... items) {
    return new Tuple(List.of(items));
  }
}
