package io.github.peft4j.chat.python;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Fields and items of values, as Jinja's sandbox finds them. */
public final class Attributes {

  private static final Set<String> CHANGES_OF_DICTS =
      Set.of("clear", "pop", "popitem", "setdefault", "update");
  private static final Set<String> CHANGES_OF_LISTS =
      Set.of("append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove");
  private static final Set<String> OF_NUMBERS = Set.of("real", "imag", "numerator", "denominator");
  private static final Set<String> METHODS_OF_INTS =
      Set.of("as_integer_ratio", "bit_count", "bit_length", "conjugate", "from_bytes", "to_bytes");
  private static final Set<String> METHODS_OF_FLOATS =
      Set.of("as_integer_ratio", "conjugate", "fromhex", "hex", "is_integer");

  /** A value that has fields of its own. */
  public interface HasFields {
    /** A field, or null if there is none of this name. */
    @Nullable Object field(String name);

    /** Its text as Python's {@code repr} gives it. */
    String repr();
  }

  private Attributes() {}

  /** {@code value.name}: the attribute of this name, else the item. */
  public static Object attribute(Object value, String name, Budget budget) {
    Object own = own(value, name, budget);
    if (own != null) {
      return own;
    }
    Map<Object, Object> map = Sequences.dict(value);
    Object item = map == null ? null : map.get(name);
    return item == null ? missing(value, name, budget) : item;
  }

  /** {@code value[key]}: the item, else the attribute of this name. */
  public static Object item(Object value, Object key, Budget budget) {
    if (value instanceof Undefined undefined) {
      throw new PythonException(undefined.message());
    }
    Map<Object, Object> map = Sequences.dict(value);
    Object item = null;
    if (map != null) {
      item = key instanceof List || key instanceof Map ? null : map.get(Keys.key(key));
    } else if (Numbers.isInteger(key)) {
      item = at(value, Numbers.index(key, "an index"));
    }
    if (item == null && Sequences.text(key) != null) {
      item = own(value, Sequences.requireText(key, "a key"), budget);
    }
    return item == null ? missing(value, key, budget) : item;
  }

  private static @Nullable Object at(Object value, int index) {
    String text = Sequences.text(value);
    if (text != null) {
      String at = Texts.at(text, index);
      return at == null || !(value instanceof Markup) ? at : new Markup(at);
    }
    List<Object> items = value instanceof View ? null : Sequences.items(value);
    if (items == null) {
      return null;
    }
    int at = index < 0 ? index + items.size() : index;
    return at < 0 || at >= items.size() ? null : items.get(at);
  }

  private static Undefined missing(Object value, Object key, Budget budget) {
    String type = Sequences.type(value);
    return new Undefined(
        Sequences.text(key) == null
            ? type + " object has no element " + Repr.repr(key, budget)
            : "'" + type + " object' has no attribute " + Repr.repr(key, budget));
  }

  private static Undefined unsafe(Object value, String name) {
    return new Undefined(
        "access to attribute '" + name + "' of '" + Sequences.type(value) + "' object is unsafe");
  }

  /** An attribute of the value's type; null if it has none of this name. */
  private static @Nullable Object own(Object value, String name, Budget budget) {
    if (value instanceof Undefined undefined) {
      throw new PythonException(undefined.message());
    }
    if (name.startsWith("__")
        && Set.of("__class__", "__doc__", "__init__", "__len__", "__str__", "__dict__")
            .contains(name)) {
      return unsafe(value, name);
    }
    if (value instanceof HasFields fields) {
      return fields.field(name);
    } else if (value instanceof Namespace namespace) {
      return namespace.attributes().get(name);
    } else if (Sequences.text(value) != null) {
      return TextMethods.find(value, name, budget);
    }
    Map<Object, Object> map = Sequences.dict(value);
    if (map != null) {
      return CHANGES_OF_DICTS.contains(name) ? unsafe(value, name) : ofDict(map, name);
    } else if (value instanceof List || value instanceof Tuple || value instanceof Range) {
      return value instanceof List && CHANGES_OF_LISTS.contains(name)
          ? unsafe(value, name)
          : ofSequence(value, name, budget);
    }
    return Numbers.isNumber(value) ? ofNumber(value, name) : null;
  }

  private static @Nullable Object ofDict(Map<Object, Object> map, String name) {
    return switch (name) {
      case "items", "keys", "values" ->
          Function.of(
              name,
              arguments -> {
                arguments.positional(name, 0, 0);
                return new View(View.Kind.valueOf(name.toUpperCase(java.util.Locale.ROOT)), map);
              });
      case "get" ->
          Function.of(
              name,
              arguments -> {
                arguments.positional(name, 1, 2);
                Object otherwise = arguments.size() > 1 ? arguments.get(1) : None.NONE;
                return map.getOrDefault(Keys.key(arguments.get(0)), otherwise);
              });
      case "copy" -> Function.of(name, arguments -> new LinkedHashMap<>(map));
      case "fromkeys" -> refused("dict", name);
      default -> null;
    };
  }

  private static Function refused(String type, String name) {
    return Function.of(
        name,
        arguments -> {
          throw new PythonException(type + "." + name + "() is not supported in templates");
        });
  }

  private static @Nullable Object ofSequence(Object value, String name, Budget budget) {
    List<Object> items = Sequences.list(value);
    return switch (name) {
      case "count" ->
          Function.of(
              name,
              arguments ->
                  items.stream()
                      .filter(
                          each ->
                              Comparison.equal(
                                  each, arguments.positional(name, 1, 1).get(0), budget))
                      .count());
      case "index" ->
          Function.of(
              name, arguments -> index(items, arguments.positional(name, 1, 1).get(0), budget));
      case "copy" ->
          value instanceof List ? Function.of(name, arguments -> new ArrayList<>(items)) : null;
      case "start" -> value instanceof Range range ? range.start() : null;
      case "stop" -> value instanceof Range range ? range.stop() : null;
      case "step" -> value instanceof Range range ? range.step() : null;
      default -> null;
    };
  }

  private static long index(List<Object> items, Object wanted, Budget budget) {
    for (int i = 0; i < items.size(); i++) {
      if (Comparison.equal(items.get(i), wanted, budget)) {
        return i;
      }
    }
    throw new PythonException(Repr.repr(wanted, budget) + " is not in list");
  }

  private static @Nullable Object ofNumber(Object value, String name) {
    boolean isFloat = value instanceof Double;
    if (OF_NUMBERS.contains(name) && !(isFloat && name.endsWith("ator"))) {
      Object zero = isFloat ? (Object) 0.0 : 0L;
      return switch (name) {
        case "imag" -> zero;
        case "denominator" -> 1L;
        default -> isFloat ? value : Numbers.of(Numbers.big(value));
      };
    }
    return (isFloat ? METHODS_OF_FLOATS : METHODS_OF_INTS).contains(name)
        ? refused(Sequences.type(value), name)
        : null;
  }
}
