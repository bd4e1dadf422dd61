package io.github.peft4j.chat.python;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/** Python's {@code str()} and {@code repr()}. */
public final class Repr {

  private static final int MOST_DIGITS = 4300; // as Python limits int to str

  private Repr() {}

  /** The text of a value. */
  public static String str(Object value, Budget budget) {
    String text = Sequences.text(value);
    if (text != null) {
      return text;
    }
    if (value instanceof Undefined) {
      return "";
    }
    return repr(value, budget);
  }

  /** The text of a value as a literal. */
  public static String repr(Object value, Budget budget) {
    StringBuilder out = new StringBuilder();
    append(value, out, budget);
    return budget.text(out);
  }

  private static void append(Object value, StringBuilder out, Budget budget) {
    budget.check(out);
    budget.enter();
    if (value instanceof String text) {
      quote(text, out);
    } else if (value instanceof Markup markup) {
      out.append("Markup(");
      quote(markup.text(), out);
      out.append(')');
    } else if (value instanceof Boolean truth) {
      out.append(truth ? "True" : "False");
    } else if (value == None.NONE) {
      out.append("None");
    } else if (value instanceof Double number) {
      out.append(floating(number));
    } else if (value instanceof BigInteger number) {
      out.append(integer(number));
    } else if (value instanceof List<?> list) {
      items(list, "[", "]", out, budget);
    } else if (value instanceof Tuple tuple) {
      items(tuple.items(), "(", tuple.items().size() == 1 ? ",)" : ")", out, budget);
    } else if (value instanceof Map<?, ?> map) {
      dict(map, out, budget);
    } else if (value instanceof View view) {
      items(view.items(), Sequences.type(view) + "([", "])", out, budget);
    } else if (value instanceof Range range) {
      out.append("range(").append(range.start()).append(", ").append(range.stop());
      out.append(range.step() == 1 ? ")" : ", " + range.step() + ")");
    } else if (value instanceof Namespace namespace) {
      out.append("<Namespace ");
      dict(namespace.attributes(), out, budget);
      out.append('>');
    } else if (value instanceof Undefined) {
      out.append("Undefined");
    } else if (value instanceof Attributes.HasFields fields) {
      out.append(fields.repr());
    } else if (value instanceof Function function) {
      out.append("<function ").append(function.name()).append('>');
    } else if (value instanceof Long) {
      out.append(value);
    } else {
      out.append('<').append(Sequences.type(value)).append(" object>");
    }
    budget.leave();
  }

  private static void items(
      List<?> items, String open, String close, StringBuilder out, Budget budget) {
    out.append(open);
    Iterator<?> each = items.iterator();
    while (each.hasNext()) {
      append(each.next(), out, budget);
      out.append(each.hasNext() ? ", " : "");
    }
    out.append(close);
  }

  private static void dict(Map<?, ?> map, StringBuilder out, Budget budget) {
    out.append('{');
    Iterator<? extends Map.Entry<?, ?>> each = map.entrySet().iterator();
    while (each.hasNext()) {
      Map.Entry<?, ?> entry = each.next();
      append(entry.getKey(), out, budget);
      out.append(": ");
      append(entry.getValue(), out, budget);
      out.append(each.hasNext() ? ", " : "");
    }
    out.append('}');
  }

  /** A whole number of at most 4,300 digits. */
  public static String integer(BigInteger number) {
    if (number.bitLength() > MOST_DIGITS * 4) {
      throw new PythonException("an int of more than " + MOST_DIGITS + " digits has no text");
    }
    return number.toString();
  }

  /** The shortest text that is read as the same number. */
  public static String floating(double number) {
    if (Double.isNaN(number)) {
      return "nan";
    } else if (Double.isInfinite(number)) {
      return number > 0 ? "inf" : "-inf";
    } else if (number == 0) {
      return 1 / number > 0 ? "0.0" : "-0.0";
    }
    BigDecimal shortest = shortest(number);
    String digits = shortest.unscaledValue().abs().toString();
    int exponent = digits.length() - 1 - shortest.scale();
    String sign = number < 0 ? "-" : "";
    if (exponent < -4 || exponent >= 16) {
      String fraction = digits.length() == 1 ? "" : "." + digits.substring(1);
      return "%s%s%se%s%02d"
          .formatted(
              sign, digits.charAt(0), fraction, exponent < 0 ? "-" : "+", Math.abs(exponent));
    }
    String plain = shortest.abs().toPlainString();
    return sign + plain + (plain.contains(".") ? "" : ".0");
  }

  private static BigDecimal shortest(double number) {
    BigDecimal exact = new BigDecimal(number);
    for (int precision = 1; precision < 17; precision++) {
      BigDecimal rounded = exact.round(new MathContext(precision, RoundingMode.HALF_EVEN));
      if (rounded.doubleValue() == number) {
        return rounded.stripTrailingZeros();
      }
    }
    return exact.round(new MathContext(17, RoundingMode.HALF_EVEN)).stripTrailingZeros();
  }

  private static void quote(String text, StringBuilder out) {
    char mark = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
    out.append(mark);
    text.codePoints()
        .forEach(
            c -> {
              switch (c) {
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                case '\\' -> out.append("\\\\");
                default -> {
                  if (c == mark) {
                    out.append('\\').append(mark);
                  } else if (Texts.isPrintable(c)) {
                    out.appendCodePoint(c);
                  } else {
                    out.append(
                        (c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x").formatted(c));
                  }
                }
              }
            });
    out.append(mark);
  }
}
