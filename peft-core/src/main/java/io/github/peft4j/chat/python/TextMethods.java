package io.github.peft4j.chat.python;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/** The methods of Python's {@code str}. */
final class TextMethods {

  /** A method: its text, its arguments and the budget in; the result out. */
  @FunctionalInterface
  private interface Method {
    Object call(String text, Arguments arguments, Budget budget);
  }

  private static final Map<String, Method> METHODS = new LinkedHashMap<>();

  static {
    same("capitalize", Texts::capitalize);
    same("casefold", text -> text.toUpperCase(Locale.ROOT).toLowerCase(Locale.ROOT));
    same("lower", text -> text.toLowerCase(Locale.ROOT));
    same("upper", text -> text.toUpperCase(Locale.ROOT));
    same("title", Texts::title);
    same("swapcase", TextMethods::swapCase);
    add("strip", 0, 1, (t, a, b) -> Texts.strip(t, characters(a)));
    add("lstrip", 0, 1, (t, a, b) -> Texts.stripStart(t, characters(a)));
    add("rstrip", 0, 1, (t, a, b) -> Texts.stripEnd(t, characters(a)));
    add("removeprefix", 1, 1, (t, a, b) -> without(t, text(a, 0), true));
    add("removesuffix", 1, 1, (t, a, b) -> without(t, text(a, 0), false));
    add(
        "replace",
        2,
        3,
        (t, a, b) -> Texts.replace(t, text(a, 0), text(a, 1), number(a, 2, -1), b));
    add("startswith", 1, 3, (t, a, b) -> anyEnd(t, a, true));
    add("endswith", 1, 3, (t, a, b) -> anyEnd(t, a, false));
    add("find", 1, 3, (t, a, b) -> find(t, a, false));
    add("rfind", 1, 3, (t, a, b) -> find(t, a, true));
    add("index", 1, 3, (t, a, b) -> found(find(t, a, false)));
    add("rindex", 1, 3, (t, a, b) -> found(find(t, a, true)));
    add("count", 1, 3, (t, a, b) -> count(window(t, a), text(a, 0)));
    METHODS.put("split", (t, a, b) -> split(t, a, false));
    METHODS.put("rsplit", (t, a, b) -> split(t, a, true));
    METHODS.put("splitlines", TextMethods::lines);
    add("partition", 1, 1, (t, a, b) -> partition(t, text(a, 0), t.indexOf(text(a, 0)), true));
    add(
        "rpartition",
        1,
        1,
        (t, a, b) -> partition(t, text(a, 0), t.lastIndexOf(text(a, 0)), false));
    add("join", 1, 1, (t, a, b) -> join(t, a.get(0), b));
    add("center", 1, 2, (t, a, b) -> Texts.center(t, number(a, 0, 0), fill(a), b));
    add("ljust", 1, 2, (t, a, b) -> t + Texts.repeat(fill(a), padding(t, a), b));
    add("rjust", 1, 2, (t, a, b) -> Texts.repeat(fill(a), padding(t, a), b) + t);
    add("zfill", 1, 1, (t, a, b) -> zeroFill(t, padding(t, a), b));
    METHODS.put("expandtabs", TextMethods::expandTabs);
    METHODS.put("format", Formatting::format);
    all("isalpha", Character::isLetter);
    all("isalnum", c -> Character.isLetter(c) || isNumeric(c));
    all("isdecimal", c -> Character.getType(c) == Character.DECIMAL_DIGIT_NUMBER);
    all("isdigit", c -> Character.isDigit(c) || "²³¹".indexOf(c) >= 0);
    all("isnumeric", TextMethods::isNumeric);
    all("isspace", Texts::isSpace);
    add("isascii", 0, 0, (t, a, b) -> t.chars().allMatch(c -> c < 128));
    add("isprintable", 0, 0, (t, a, b) -> t.codePoints().allMatch(Texts::isPrintable));
    add("islower", 0, 0, (t, a, b) -> isCase(t, Character::isLowerCase));
    add("isupper", 0, 0, (t, a, b) -> isCase(t, Character::isUpperCase));
    add("istitle", 0, 0, (t, a, b) -> isCase(t, c -> true) && t.equals(Texts.title(t)));
    add("isidentifier", 0, 0, (t, a, b) -> isIdentifier(t));
    for (String name : List.of("encode", "format_map", "maketrans", "translate")) {
      METHODS.put(name, (t, a, b) -> refuse(name));
    }
  }

  private TextMethods() {}

  private static Object refuse(String name) {
    throw new PythonException("str." + name + "() is not supported in templates");
  }

  private static void add(String name, int least, int most, Method method) {
    METHODS.put(name, (t, a, b) -> method.call(t, a.positional(name, least, most), b));
  }

  private static void same(String name, java.util.function.UnaryOperator<String> change) {
    add(name, 0, 0, (t, a, b) -> change.apply(t));
  }

  private static void all(String name, IntPredicate kind) {
    add(name, 0, 0, (t, a, b) -> !t.isEmpty() && t.codePoints().allMatch(kind));
  }

  /** A method of a text, or null if there is none of this name. */
  static @Nullable Function find(Object value, String name, Budget budget) {
    Method method = METHODS.get(name);
    if (method == null) {
      return null;
    }
    String text = Sequences.requireText(value, "the text");
    if (value instanceof Markup) {
      return Function.of(
          name, arguments -> marked(method.call(text, escaped(arguments, budget), budget)));
    }
    return Function.of(name, arguments -> method.call(text, arguments, budget));
  }

  private static Arguments escaped(Arguments arguments, Budget budget) {
    return new Arguments(
        arguments.positional().stream()
            .map(a -> a instanceof String ? Markup.escape(a, budget).text() : a)
            .toList(),
        arguments.named());
  }

  private static Object marked(Object result) {
    if (result instanceof String text) {
      return new Markup(text);
    } else if (result instanceof List<?> list) {
      return new ArrayList<>(list.stream().map(TextMethods::marked).toList());
    }
    return result;
  }

  private static String text(Arguments arguments, int index) {
    return Sequences.requireText(arguments.get(index), "argument " + (index + 1));
  }

  private static int number(Arguments arguments, int index, int otherwise) {
    return index < arguments.size()
        ? Numbers.index(arguments.get(index), "argument " + (index + 1))
        : otherwise;
  }

  private static @Nullable String characters(Arguments arguments) {
    return arguments.size() == 0 || arguments.get(0) == None.NONE ? null : text(arguments, 0);
  }

  private static String fill(Arguments arguments) {
    String fill = arguments.size() > 1 ? text(arguments, 1) : " ";
    if (Texts.length(fill) != 1) {
      throw new PythonException("the fill character must be exactly one character long");
    }
    return fill;
  }

  private static int padding(String text, Arguments arguments) {
    return Math.max(0, number(arguments, 0, 0) - Texts.length(text));
  }

  private static String zeroFill(String text, int zeros, Budget budget) {
    int sign = text.startsWith("-") || text.startsWith("+") ? 1 : 0;
    return text.substring(0, sign) + Texts.repeat("0", zeros, budget) + text.substring(sign);
  }

  private static String without(String text, String end, boolean atStart) {
    if (atStart) {
      return text.startsWith(end) ? text.substring(end.length()) : text;
    }
    return text.endsWith(end) ? text.substring(0, text.length() - end.length()) : text;
  }

  /** The part of the text that arguments 2 and 3 name, as a slice. */
  private static String window(String text, Arguments arguments) {
    if (arguments.size() < 2) {
      return text;
    }
    Object stop = arguments.size() > 2 ? arguments.get(2) : None.NONE;
    return (String)
        Slices.slice(text, arguments.get(1), stop, None.NONE, new Budget(text.length()));
  }

  private static boolean isBeyond(String text, Arguments arguments) {
    return arguments.size() > 1
        && arguments.get(1) != None.NONE
        && number(arguments, 1, 0) > Texts.length(text);
  }

  private static boolean anyEnd(String text, Arguments arguments, boolean start) {
    String window = window(text, arguments);
    Object wanted = arguments.get(0);
    List<Object> ends = wanted instanceof Tuple tuple ? tuple.items() : List.of(wanted);
    boolean beyond = isBeyond(text, arguments);
    return ends.stream()
        .map(end -> Sequences.requireText(end, "the first argument"))
        .anyMatch(end -> !beyond && (start ? window.startsWith(end) : window.endsWith(end)));
  }

  private static long find(String text, Arguments arguments, boolean last) {
    String window = window(text, arguments);
    String part = text(arguments, 0);
    int at = last ? window.lastIndexOf(part) : window.indexOf(part);
    if (at < 0 || isBeyond(text, arguments)) {
      return -1;
    }
    int start = arguments.size() < 2 || arguments.get(1) == None.NONE ? 0 : number(arguments, 1, 0);
    int length = Texts.length(text);
    return (long) window.codePointCount(0, at) + (start < 0 ? Math.max(0, start + length) : start);
  }

  private static long found(long at) {
    if (at < 0) {
      throw new PythonException("substring not found");
    }
    return at;
  }

  private static long count(String text, String part) {
    if (part.isEmpty()) {
      return Texts.length(text) + 1L;
    }
    long count = 0;
    for (int at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length())) {
      count++;
    }
    return count;
  }

  private static Object split(String text, Arguments arguments, boolean fromEnd) {
    Arguments.Bound bound = arguments.bind("split", "sep", "maxsplit");
    Object separator = bound.get("sep", None.NONE);
    int most = Numbers.index(bound.get("maxsplit", -1L), "maxsplit");
    if (separator == None.NONE) {
      return fromEnd ? Texts.wordsFromEnd(text, most) : Texts.words(text, most);
    }
    String sep = Sequences.requireText(separator, "sep");
    return fromEnd ? Texts.splitFromEnd(text, sep, most) : Texts.split(text, sep, most);
  }

  private static Object lines(String text, Arguments arguments, Budget budget) {
    Object keep = arguments.bind("splitlines", "keepends").get("keepends", false);
    return Texts.lines(text, Sequences.truth(keep));
  }

  private static Tuple partition(String text, String separator, int at, boolean first) {
    if (separator.isEmpty()) {
      throw new PythonException("empty separator");
    }
    if (at < 0) {
      return first ? Tuple.of(text, "", "") : Tuple.of("", "", text);
    }
    return Tuple.of(text.substring(0, at), separator, text.substring(at + separator.length()));
  }

  private static String join(String separator, Object values, Budget budget) {
    StringBuilder out = new StringBuilder();
    boolean first = true;
    for (Object each : Sequences.list(values)) {
      out.append(first ? "" : separator);
      out.append(Sequences.requireText(each, "an item to join"));
      budget.check(out);
      first = false;
    }
    return budget.text(out);
  }

  private static Object expandTabs(String text, Arguments arguments, Budget budget) {
    Object size = arguments.bind("expandtabs", "tabsize").get("tabsize", 8L);
    int tab = Numbers.index(size, "tabsize");
    StringBuilder out = new StringBuilder();
    int column = 0;
    for (int c : text.codePoints().toArray()) {
      if (c == '\t') {
        int spaces = tab > 0 ? tab - column % tab : 0;
        out.append(Texts.repeat(" ", spaces, budget));
        column += spaces;
      } else {
        out.appendCodePoint(c);
        column = c == '\n' || c == '\r' ? 0 : column + 1;
      }
      budget.check(out);
    }
    return budget.text(out);
  }

  private static String swapCase(String text) {
    StringBuilder out = new StringBuilder();
    text.codePoints()
        .forEach(
            c -> {
              String one = Character.toString(c);
              out.append(
                  Character.isUpperCase(c)
                      ? one.toLowerCase(Locale.ROOT)
                      : one.toUpperCase(Locale.ROOT));
            });
    return out.toString();
  }

  private static boolean isNumeric(int c) {
    int type = Character.getType(c);
    return type == Character.DECIMAL_DIGIT_NUMBER
        || type == Character.LETTER_NUMBER
        || type == Character.OTHER_NUMBER;
  }

  private static boolean isCase(String text, IntPredicate kind) {
    return text.codePoints().anyMatch(Texts::isCased)
        && text.codePoints().filter(Texts::isCased).allMatch(kind);
  }

  private static boolean isIdentifier(String text) {
    return !text.isEmpty()
        && (Character.isUnicodeIdentifierStart(text.codePointAt(0)) || text.startsWith("_"))
        && text.codePoints()
            .allMatch(
                c -> Character.isUnicodeIdentifierPart(c) && !Character.isIdentifierIgnorable(c));
  }
}
