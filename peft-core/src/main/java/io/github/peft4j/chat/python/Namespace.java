package io.github.peft4j.chat.python;

import java.util.LinkedHashMap;
import java.util.Map;

/** Jinja's {@code namespace}: the one value that templates can change. */
public final class Namespace {

  private final Map<Object, Object> attributes = new LinkedHashMap<>();

  /** The attributes, in the order of their first assignment. */
  public Map<Object, Object> attributes() {
    return attributes;
  }

  /** Sets an attribute, whose name must not begin with an underscore. */
  public void set(Object name, Object value) {
    if (name instanceof String text && text.startsWith("_")) {
      throw new PythonException(
          "a namespace cannot have the attribute '" + text + "': it begins with an underscore");
    }
    attributes.put(name, value);
  }
}
