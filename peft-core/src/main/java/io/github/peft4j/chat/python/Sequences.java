package io.github.peft4j.chat.python;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What values have in common: their type's name, truth, length and items. */
public final class Sequences {

  private static final int CHARACTERS_A_STEP = 16;

  private Sequences() {}

  /** The name of a value's type. */
  public static String type(Object value) {
    return switch (kind(value)) {
      case "None" -> "NoneType";
      case "View" -> "dict_" + ((View) value).kind().method();
      default -> kind(value);
    };
  }

  private static String kind(Object value) {
    if (value instanceof String) {
      return "str";
    } else if (value instanceof Boolean) {
      return "bool";
    } else if (value instanceof Long || value instanceof BigInteger) {
      return "int";
    } else if (value instanceof Double) {
      return "float";
    } else if (value instanceof List) {
      return "list";
    } else if (value instanceof Map) {
      return "dict";
    } else if (value instanceof Tuple) {
      return "tuple";
    } else if (value instanceof Range) {
      return "range";
    } else if (value instanceof Lazy) {
      return "generator";
    } else if (value instanceof Function) {
      return "function";
    }
    return value.getClass().getSimpleName();
  }

  /** The characters of a text, marked or not; null for other values. */
  public static @Nullable String text(Object value) {
    return value instanceof String text
        ? text
        : value instanceof Markup markup ? markup.text() : null;
  }

  /** The characters of a value that must be a text. */
  public static String requireText(Object value, String what) {
    String text = text(value);
    if (text == null) {
      throw new PythonException(what + " must be str, not " + type(value));
    }
    return text;
  }

  /** Whether a condition of this value holds. */
  public static boolean truth(Object value) {
    if (value instanceof Boolean truth) {
      return truth;
    } else if (value == None.NONE || value instanceof Undefined) {
      return false;
    } else if (value instanceof Long number) {
      return number != 0;
    } else if (value instanceof Double number) {
      return number != 0;
    } else if (value instanceof Lazy || value instanceof Function || value instanceof Namespace) {
      return true;
    }
    return !(value instanceof BigInteger) ? sized(value) == null || length(value) > 0 : true;
  }

  /** The number of items or characters. */
  public static long length(Object value) {
    Integer length = sized(value);
    if (length == null) {
      throw new PythonException("object of type '" + type(value) + "' has no len()");
    }
    return length;
  }

  /** The number of items or characters of a value that has one; null for other values. */
  public static @Nullable Integer sized(Object value) {
    String text = text(value);
    if (text != null) {
      return Texts.length(text);
    } else if (value instanceof Map<?, ?> map) {
      return map.size();
    } else if (value instanceof Undefined) {
      return 0;
    }
    List<Object> items = items(value);
    return items == null ? null : Integer.valueOf(items.size());
  }

  /** The items of a list, tuple, range or view; null for other values. */
  @SuppressWarnings("unchecked") // lists of templates hold objects
  public static @Nullable List<Object> items(Object value) {
    if (value instanceof List<?> list) {
      return (List<Object>) list;
    } else if (value instanceof Tuple tuple) {
      return tuple.items();
    } else if (value instanceof Range range) {
      return range.items();
    } else if (value instanceof View view) {
      return view.items();
    }
    return null;
  }

  /** A dict; null for other values. */
  @SuppressWarnings("unchecked") // dicts of templates hold objects
  public static @Nullable Map<Object, Object> dict(Object value) {
    return value instanceof Map<?, ?> map ? (Map<Object, Object>) map : null;
  }

  /** Whether a loop over the value is possible. */
  public static boolean isIterable(Object value) {
    return value instanceof Lazy || value instanceof LoopItems || sized(value) != null;
  }

  /** Something else that a loop can run over once. */
  public interface LoopItems {
    /** What is left of it. */
    Iterator<Object> iterator();
  }

  /** The items of a value, as a loop sees them: keys of a dict, characters of a text. */
  public static Iterator<Object> iterate(Object value) {
    if (value instanceof Lazy lazy) {
      return lazy;
    } else if (value instanceof LoopItems loop) {
      return loop.iterator();
    }
    Map<Object, Object> map = dict(value);
    if (map != null) {
      return map.keySet().iterator();
    }
    String text = text(value);
    if (text != null) {
      return text.codePoints().mapToObj(c -> (Object) Character.toString(c)).iterator();
    } else if (value instanceof Undefined) {
      return Collections.emptyIterator();
    }
    List<Object> items = items(value);
    if (items == null) {
      throw new PythonException("'" + type(value) + "' object is not iterable");
    }
    return items.iterator();
  }

  /** The items of a value as a list of its own. */
  public static List<Object> list(Object value) {
    List<Object> list = new ArrayList<>();
    iterate(value).forEachRemaining(list::add);
    return list;
  }

  /** What it costs to look at all of a value, in steps. */
  static long weight(Object value) {
    String text = text(value);
    if (text != null) {
      return text.length() / CHARACTERS_A_STEP;
    } else if (value instanceof Map<?, ?> map) {
      return map.size();
    } else if (value instanceof View view) {
      return view.map().size();
    } else if (value instanceof BigInteger number) {
      return number.bitLength() / CHARACTERS_A_STEP;
    }
    List<Object> items = items(value);
    return items == null ? 0 : items.size();
  }
}
