package io.github.peft4j.chat.python;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The arguments of a call.
 *
 * @param positional those without a name
 * @param named those with a name, in their order
 */
public record Arguments(List<Object> positional, Map<String, Object> named) {

  /** No arguments. */
  public static final Arguments NONE = new Arguments(List.of(), Map.of());

  /** The positional arguments from one on, with the same named ones. */
  public Arguments from(int start) {
    return new Arguments(positional.subList(Math.min(start, positional.size()), size()), named);
  }

  /** How many arguments have no name. */
  public int size() {
    return positional.size();
  }

  /** An argument without a name. */
  public Object get(int index) {
    return positional.get(index);
  }

  /** Checks the number of positional arguments of a function that takes no named ones. */
  public Arguments positional(String function, int least, int most) {
    if (!named.isEmpty()) {
      throw new PythonException(function + "() takes no keyword arguments");
    }
    if (size() < least || size() > most) {
      throw new PythonException(
          "%s() takes %s argument%s, %d given"
              .formatted(
                  function,
                  least == most ? String.valueOf(least) : least + " to " + most,
                  most == 1 ? "" : "s",
                  size()));
    }
    return this;
  }

  /** The arguments by their names, as Python binds them. Those that are not given are null. */
  public Bound bind(String function, String... names) {
    if (size() > names.length) {
      throw new PythonException(
          function + "() takes at most " + names.length + " arguments, " + size() + " given");
    }
    List<@Nullable Object> values = new ArrayList<>(positional);
    for (int i = size(); i < names.length; i++) {
      values.add(named.get(names[i]));
    }
    for (String name : named.keySet()) {
      int index = List.of(names).indexOf(name);
      if (index < 0) {
        throw new PythonException(
            function + "() got an unexpected keyword argument '" + name + "'");
      }
      if (index < size()) {
        throw new PythonException(function + "() got two values for the argument '" + name + "'");
      }
    }
    return new Bound(function, List.of(names), values);
  }

  /** Arguments by name. */
  public record Bound(String function, List<String> names, List<@Nullable Object> values) {

    /** An argument, or null if it is not given. */
    public @Nullable Object optional(String name) {
      return values.get(names.indexOf(name));
    }

    /** An argument, or a default. */
    public Object get(String name, Object otherwise) {
      Object value = optional(name);
      return value == null ? otherwise : value;
    }

    /** An argument that must be given. */
    public Object required(String name) {
      Object value = optional(name);
      if (value == null) {
        throw new PythonException(function + "() misses the argument '" + name + "'");
      }
      return value;
    }
  }
}
