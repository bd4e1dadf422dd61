package io.github.peft4j.chat.jinja;

import io.github.peft4j.chat.python.PythonException;
import java.time.LocalDateTime;
import java.time.format.TextStyle;
import java.time.temporal.ChronoField;
import java.time.temporal.IsoFields;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** C's {@code strftime} of a time without a zone, in English, as glibc does it. */
final class Strftime {

  private static final Pattern DIRECTIVE = Pattern.compile("%([-_0^#]*)(\\d{0,3})([a-zA-Z%+])");

  private Strftime() {}

  /** A time in a format such as {@code %d %b %Y}. */
  static String format(String format, LocalDateTime time) {
    return DIRECTIVE
        .matcher(format)
        .replaceAll(
            found ->
                Matcher.quoteReplacement(
                    one(found.group(), found.group(1), found.group(2), found.group(3), time)));
  }

  private static String one(
      String directive, String flags, String width, String letter, LocalDateTime t) {
    return switch (letter) {
      case "%" -> "%";
      case "n" -> "\n";
      case "t" -> "\t";
      case "Z", "z" -> "";
      case "a" -> text(t.getDayOfWeek().getDisplayName(TextStyle.SHORT, Locale.ENGLISH), flags);
      case "A" -> text(t.getDayOfWeek().getDisplayName(TextStyle.FULL, Locale.ENGLISH), flags);
      case "b", "h" -> text(month(t, TextStyle.SHORT), flags);
      case "B" -> text(month(t, TextStyle.FULL), flags);
      case "p" -> flags.contains("#") ? half(t).toLowerCase(Locale.ROOT) : half(t);
      case "P" -> half(t).toLowerCase(Locale.ROOT);
      case "c" -> format("%a %b %e %H:%M:%S %Y", t);
      case "x", "D" -> format("%m/%d/%y", t);
      case "X", "T" -> format("%H:%M:%S", t);
      case "r" -> format("%I:%M:%S %p", t);
      case "R" -> format("%H:%M", t);
      case "F" -> format("%Y-%m-%d", t);
      case "Y" -> String.valueOf(t.getYear());
      case "f" -> "%06d".formatted(t.get(ChronoField.MICRO_OF_SECOND));
      default -> number(directive, flags, width, letter, t);
    };
  }

  private static String month(LocalDateTime t, TextStyle style) {
    return t.getMonth().getDisplayName(style, Locale.ENGLISH);
  }

  private static String half(LocalDateTime t) {
    return t.getHour() < 12 ? "AM" : "PM";
  }

  private static String text(String text, String flags) {
    return flags.contains("^") || flags.contains("#") ? text.toUpperCase(Locale.ROOT) : text;
  }

  private static String number(
      String directive, String flags, String width, String letter, LocalDateTime t) {
    int week = t.getDayOfWeek().getValue();
    int hour = t.getHour() % 12 == 0 ? 12 : t.getHour() % 12;
    return switch (letter) {
      case "d" -> digits(t.getDayOfMonth(), 2, "0", flags, width);
      case "e" -> digits(t.getDayOfMonth(), 2, " ", flags, width);
      case "H" -> digits(t.getHour(), 2, "0", flags, width);
      case "k" -> digits(t.getHour(), 2, " ", flags, width);
      case "I" -> digits(hour, 2, "0", flags, width);
      case "l" -> digits(hour, 2, " ", flags, width);
      case "j" -> digits(t.getDayOfYear(), 3, "0", flags, width);
      case "m" -> digits(t.getMonthValue(), 2, "0", flags, width);
      case "M" -> digits(t.getMinute(), 2, "0", flags, width);
      case "S" -> digits(t.getSecond(), 2, "0", flags, width);
      case "y" -> digits(t.getYear() % 100, 2, "0", flags, width);
      case "C" -> digits(t.getYear() / 100, 2, "0", flags, width);
      case "u" -> digits(week, 1, "0", flags, width);
      case "w" -> digits(week % 7, 1, "0", flags, width);
      case "U" -> digits((t.getDayOfYear() + 6 - week % 7) / 7, 2, "0", flags, width);
      case "W" -> digits((t.getDayOfYear() + 7 - week) / 7, 2, "0", flags, width);
      case "V" -> digits(t.get(IsoFields.WEEK_OF_WEEK_BASED_YEAR), 2, "0", flags, width);
      case "G" -> digits(t.get(IsoFields.WEEK_BASED_YEAR), 4, "0", flags, width);
      case "g" -> digits(t.get(IsoFields.WEEK_BASED_YEAR) % 100, 2, "0", flags, width);
      case "s" -> throw new PythonException("strftime's s is not supported: it depends on a zone");
      default -> directive;
    };
  }

  private static String digits(int value, int least, String fill, String flags, String width) {
    String padding =
        flags.contains("-") ? "" : flags.contains("_") ? " " : flags.contains("0") ? "0" : fill;
    int wanted = Math.max(least, width.isEmpty() ? 0 : Integer.parseInt(width));
    String digits = String.valueOf(value);
    return padding.repeat(padding.isEmpty() ? 0 : Math.max(0, wanted - digits.length())) + digits;
  }
}
