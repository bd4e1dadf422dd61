package io.github.peft4j.chat.python;

import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Python's {@code text % values} and {@code text.format(...)}. */
public final class Formatting {

  private static final Pattern CONVERSION =
      Pattern.compile(
          "%(?:\\(([^()]*)\\))?([-+ #0]*)(\\*|\\d{1,9})?(?:\\.(\\*|\\d{0,9}))?[hlL]?(.)?",
          Pattern.DOTALL);

  private Formatting() {}

  /** {@code text % value}; {@code html}: values are escaped. */
  static String percent(String text, Object value, boolean html, Budget budget) {
    Map<Object, Object> map = Sequences.dict(value);
    List<Object> values = value instanceof Tuple tuple ? tuple.items() : List.of(value);
    StringBuilder out = new StringBuilder();
    Matcher conversion = CONVERSION.matcher(text);
    int next = 0;
    int from = 0;
    while (conversion.find(from)) {
      out.append(text, from, conversion.start());
      from = conversion.end();
      String type = conversion.group(5);
      if (type == null) {
        throw new PythonException("incomplete format");
      } else if (type.equals("%")) {
        out.append('%');
        continue;
      } else if ("*".equals(conversion.group(3)) || "*".equals(conversion.group(4))) {
        throw new PythonException("widths of * are not supported in formats of templates");
      }
      Object item;
      if (conversion.group(1) != null) {
        if (map == null) {
          throw new PythonException("format requires a mapping");
        }
        Object found = map.get(conversion.group(1));
        if (found == null) {
          throw new PythonException("no key '" + conversion.group(1) + "' for the format");
        }
        item = found;
      } else if (next < values.size()) {
        item = values.get(next++);
      } else {
        throw new PythonException("not enough arguments for format string");
      }
      Object shown = html && !Numbers.isNumber(item) ? Markup.escape(item, budget).text() : item;
      out.append(convert(conversion, type, shown, budget));
      budget.check(out);
    }
    if (next < values.size() && map == null) {
      throw new PythonException("not all arguments converted during string formatting");
    }
    return budget.text(out.append(text.substring(from)));
  }

  private static String convert(Matcher conversion, String type, Object value, Budget budget) {
    String flags = conversion.group(2);
    boolean isText = "sra".contains(type);
    boolean zero = flags.contains("0") && !flags.contains("-") && !isText;
    int precision =
        conversion.group(4) == null
            ? -1
            : conversion.group(4).isEmpty() ? 0 : Integer.parseInt(conversion.group(4));
    Object shown = value;
    if (isText) {
      shown = type.equals("s") ? Repr.str(value, budget) : Repr.repr(value, budget);
    } else if (type.equals("c") && Sequences.text(value) != null) {
      isText = true;
    } else if (!"diuxXoeEfFgGc".contains(type)) {
      throw new PythonException("unsupported format character '" + type + "'");
    } else if (!Numbers.isNumber(value) || ("xXoc".contains(type) && value instanceof Double)) {
      throw new PythonException(
          "%" + type + " format: a number is required, not " + Sequences.type(value));
    } else if ("diu".contains(type)) {
      shown = value instanceof Double number ? Numbers.truncate(number) : value;
    }
    boolean whole = "diu".contains(type);
    return new FormatSpec(
            zero ? "0" : " ",
            flags.contains("-") ? "<" : zero ? "=" : ">",
            flags.contains("+") ? "+" : flags.contains(" ") ? " " : "-",
            flags.contains("#"),
            conversion.group(3) == null ? 0 : Integer.parseInt(conversion.group(3)),
            "",
            whole ? -1 : precision,
            isText ? "s" : whole ? "d" : type)
        .format(shown, budget);
  }

  private static final Pattern FIELD =
      Pattern.compile(
          "\\{\\{|\\}\\}|\\{([^{}!:.\\[]*)((?:\\.[^{}!:.\\[]+|\\[[^\\]{}]+\\])*)(?:!([rsa]))?"
              + "(?::([^{}]*))?\\}|[{}]");
  private static final Pattern PART = Pattern.compile("\\.([^.\\[]+)|\\[([^\\]]+)\\]");

  /** {@code text.format(arguments)}. */
  static String format(String text, Arguments arguments, Budget budget) {
    StringBuilder out = new StringBuilder();
    Matcher field = FIELD.matcher(text);
    int from = 0;
    int next = 0;
    boolean numbered = false;
    while (field.find()) {
      out.append(text, from, field.start());
      from = field.end();
      String found = field.group();
      if (found.equals("{{") || found.equals("}}")) {
        out.append(found.charAt(0));
        continue;
      } else if (found.length() == 1) {
        throw new PythonException("'" + found + "' in a format does not begin or end a field");
      }
      String name = field.group(1);
      numbered |= !name.isEmpty() && name.chars().allMatch(Character::isDigit);
      Object value = argument(name.isEmpty() ? String.valueOf(next++) : name, arguments);
      if (numbered && next > 0) {
        throw new PythonException("a format has fields with numbers and fields without");
      }
      Matcher part = PART.matcher(field.group(2));
      while (part.find()) {
        value =
            part.group(1) != null
                ? Attributes.attribute(value, part.group(1), budget)
                : Attributes.item(value, index(part.group(2)), budget);
      }
      if (field.group(3) != null) {
        value = field.group(3).equals("s") ? Repr.str(value, budget) : Repr.repr(value, budget);
      }
      String spec = field.group(4) == null ? "" : field.group(4);
      out.append(
          spec.isEmpty() ? Repr.str(value, budget) : FormatSpec.parse(spec).format(value, budget));
      budget.check(out);
    }
    return budget.text(out.append(text.substring(from)));
  }

  private static Object index(String text) {
    return text.matches("\\d{1,9}") ? (Object) Long.valueOf(text) : text;
  }

  private static Object argument(String name, Arguments arguments) {
    Object named = arguments.named().get(name);
    if (named != null) {
      return named;
    }
    if (name.matches("\\d{1,9}") && Integer.parseInt(name) < arguments.size()) {
      return arguments.get(Integer.parseInt(name));
    }
    throw new PythonException("no argument '" + name + "' for the format");
  }
}
