package io.github.peft4j.chat.python;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * How a value becomes a text: what stands after the colon in {@code '{:>8.2f}'}, or between percent
 * sign and letter in {@code '%8.2f'}.
 *
 * @param fill what pads
 * @param align {@code <}, {@code >}, {@code ^}, {@code =}, or null for the type's own
 * @param sign {@code +}, {@code -} or a space
 * @param alternate whether {@code #} is given
 * @param width the least number of characters
 * @param grouping {@code ,} or {@code _} between groups of digits, or nothing
 * @param precision digits, or characters at most; below 0: the type's own
 * @param type the letter; {@code s} for texts
 */
record FormatSpec(
    String fill,
    @Nullable String align,
    String sign,
    boolean alternate,
    int width,
    String grouping,
    int precision,
    String type) {

  private static final Pattern SPEC =
      Pattern.compile(
          "(?:(.)?([<>=^]))?([-+ ])?(#)?(0)?(\\d{1,9})?([,_])?(?:\\.(\\d{1,9}))?([a-zA-Z%])?",
          Pattern.DOTALL);
  private static final int MOST_DIGITS = 4300;

  /** The spec of {@code str.format}. */
  static FormatSpec parse(String text) {
    Matcher spec = SPEC.matcher(text);
    if (!spec.matches()) {
      throw new PythonException("Invalid format specifier '" + text + "'");
    }
    boolean zero = spec.group(5) != null;
    return new FormatSpec(
        spec.group(1) != null ? spec.group(1) : zero && spec.group(2) == null ? "0" : " ",
        spec.group(2) != null ? spec.group(2) : zero ? "=" : null,
        spec.group(3) == null ? "-" : spec.group(3),
        spec.group(4) != null,
        spec.group(6) == null ? 0 : Integer.parseInt(spec.group(6)),
        spec.group(7) == null ? "" : spec.group(7),
        spec.group(8) == null ? -1 : Integer.parseInt(spec.group(8)),
        spec.group(9) == null ? "" : spec.group(9));
  }

  /** The text of a value. */
  String format(Object value, Budget budget) {
    String text = Sequences.text(value);
    if (text != null || value instanceof Undefined) {
      return formatText(text == null ? "" : text, budget);
    }
    if (value instanceof Boolean && type.isEmpty()) {
      return formatText(Repr.str(value, budget), budget);
    }
    if (!Numbers.isNumber(value)) {
      throw new PythonException(
          "unsupported format string passed to " + Sequences.type(value) + ".__format__");
    }
    String number =
        value instanceof Double || ("eEfFgG%".contains(type) && !type.isEmpty())
            ? floating(Numbers.floating(value))
            : integer(Numbers.big(value));
    boolean negative = number.startsWith("-");
    String digits = negative ? number.substring(1) : number;
    String prefix = negative ? "-" : sign.equals("-") ? "" : sign;
    int padding = width - Texts.length(prefix) - Texts.length(digits);
    if ("=".equals(align)) {
      return prefix + Texts.repeat(fill, padding, budget) + digits;
    }
    return padded(prefix + digits, align == null ? ">" : align, budget);
  }

  private String formatText(String text, Budget budget) {
    if (!type.isEmpty() && !type.equals("s")) {
      throw new PythonException("Unknown format code '" + type + "' for object of type 'str'");
    }
    if ("=".equals(align)) {
      throw new PythonException("'=' alignment not allowed in string format specifier");
    }
    String cut =
        precision < 0 || precision >= Texts.length(text)
            ? text
            : text.substring(0, text.offsetByCodePoints(0, precision));
    return padded(cut, align == null ? "<" : align, budget);
  }

  private String padded(String text, String where, Budget budget) {
    int padding = Math.max(0, width - Texts.length(text));
    int left = where.equals("<") ? 0 : where.equals("^") ? padding / 2 : padding;
    return Texts.repeat(fill, left, budget) + text + Texts.repeat(fill, padding - left, budget);
  }

  private String integer(BigInteger value) {
    return switch (type) {
      case "", "d", "n" -> grouped(Repr.integer(value), 3);
      case "x", "X", "o", "b" -> radix(value);
      case "c" -> Character.toString(value.intValueExact());
      default ->
          throw new PythonException("Unknown format code '" + type + "' for object of type 'int'");
    };
  }

  private String radix(BigInteger value) {
    int base = type.equals("b") ? 2 : type.equals("o") ? 8 : 16;
    String digits = grouped(value.abs().toString(base), 4);
    return (value.signum() < 0 ? "-" : "")
        + (alternate ? "0" + type : "")
        + (type.equals("X") ? digits.toUpperCase(Locale.ROOT) : digits);
  }

  private String grouped(String digits, int size) {
    return grouping.isEmpty()
        ? digits
        : digits.replaceAll("(?<=\\w)(?=(\\w{" + size + "})+$)", grouping);
  }

  private String floating(double value) {
    if (Double.isNaN(value) || Double.isInfinite(value)) {
      return type.equals("%") ? Repr.floating(value) + "%" : Repr.floating(value);
    }
    if (precision > MOST_DIGITS) {
      throw new PythonException("a precision of " + precision + " digits");
    }
    if (type.isEmpty() && precision < 0) {
      return groupedWhole(Repr.floating(value));
    }
    int digits = precision < 0 ? 6 : precision;
    String minus = value < 0 || 1 / value < 0 ? "-" : "";
    BigDecimal exact = new BigDecimal(Math.abs(value));
    String text =
        switch (type) {
          case "f", "F" -> fixed(exact, digits);
          case "%" -> fixed(exact.movePointRight(2), digits) + "%";
          case "e", "E" -> scientific(exact, digits);
          case "g", "G", "" -> general(exact, Math.max(1, digits));
          default ->
              throw new PythonException(
                  "Unknown format code '" + type + "' for object of type 'float'");
        };
    boolean upper = type.equals("E") || type.equals("G");
    return minus + groupedWhole(upper ? text.toUpperCase(Locale.ROOT) : text);
  }

  private String groupedWhole(String number) {
    int end = 0;
    while (end < number.length() && "-0123456789".indexOf(number.charAt(end)) >= 0) {
      end++;
    }
    return grouped(number.substring(0, end), 3) + number.substring(end);
  }

  private static String fixed(BigDecimal value, int digits) {
    return value.setScale(digits, RoundingMode.HALF_EVEN).toPlainString();
  }

  private static String scientific(BigDecimal value, int digits) {
    BigDecimal rounded = value.round(new MathContext(digits + 1, RoundingMode.HALF_EVEN));
    String text = rounded.unscaledValue().toString();
    int exponent = rounded.signum() == 0 ? 0 : text.length() - 1 - rounded.scale();
    String padded = text + "0".repeat(Math.max(0, digits + 1 - text.length()));
    return padded.charAt(0)
        + (digits == 0 ? "" : "." + padded.substring(1, digits + 1))
        + "e%s%02d".formatted(exponent < 0 ? "-" : "+", Math.abs(exponent));
  }

  private String general(BigDecimal value, int digits) {
    BigDecimal rounded = value.round(new MathContext(digits, RoundingMode.HALF_EVEN));
    int exponent = rounded.signum() == 0 ? 0 : rounded.precision() - 1 - rounded.scale();
    if (exponent < -4 || exponent >= digits - (type.isEmpty() ? 1 : 0)) {
      return scientific(value, digits - 1).replaceFirst("\\.?0*e", "e");
    }
    String text = fixed(value, Math.max(0, digits - 1 - exponent));
    String shortest = text.contains(".") ? text.replaceFirst("\\.?0*$", "") : text;
    return type.isEmpty() && !shortest.contains(".") ? shortest + ".0" : shortest;
  }
}
