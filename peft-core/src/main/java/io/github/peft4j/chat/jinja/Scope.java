package io.github.peft4j.chat.jinja;

import io.github.peft4j.chat.python.Undefined;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The variables of a block while it runs: those that its {@link Frame} has. */
final class Scope {

  private final Frame frame;
  private final @Nullable Scope outer;
  private final Map<String, Object> given;
  private final Map<String, Object> variables = new HashMap<>();

  private Scope(Frame frame, @Nullable Scope outer, Map<String, Object> given) {
    this.frame = frame;
    this.outer = outer;
    this.given = given;
    begin();
  }

  /** The scope of a template that is given values by name. */
  static Scope of(Frame template, Map<String, Object> given) {
    return new Scope(template, null, given);
  }

  /** The scope of a block in this one. */
  Scope in(Frame block) {
    return new Scope(block, this, given);
  }

  /** Gives all variables what they begin with. */
  void begin() {
    variables.clear();
    frame.forEach(
        (name, begin) -> {
          Object value =
              switch (begin) {
                case GIVEN -> given.get(name);
                case OUTER -> outer == null ? null : outer.find(name);
                case PARAMETER, NOTHING -> null;
              };
          if (value != null) {
            variables.put(name, value);
          }
        });
  }

  /** Makes all variables undefined. */
  void end() {
    variables.clear();
  }

  void set(String name, Object value) {
    variables.put(name, value);
  }

  Object get(String name) {
    Object value = find(name);
    return value == null ? new Undefined("'" + name + "' is undefined") : value;
  }

  private @Nullable Object find(String name) {
    for (Scope scope = this; scope != null; scope = scope.outer) {
      if (scope.frame.has(name)) {
        return scope.variables.get(name);
      }
    }
    return null;
  }
}
