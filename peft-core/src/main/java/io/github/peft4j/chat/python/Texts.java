package io.github.peft4j.chat.python;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/** Python's {@code str}, whose characters are code points. */
public final class Texts {

  private Texts() {}

  /** The number of code points. */
  public static int length(String text) {
    return text.codePointCount(0, text.length());
  }

  /** Whether Python's {@code str.isspace} holds of a code point. */
  public static boolean isSpace(int c) {
    return (c >= 9 && c <= 13)
        || (c >= 0x1c && c <= 0x20)
        || c == 0x85
        || (c > 0x7f && Character.isSpaceChar(c));
  }

  /** Whether {@code repr} shows a code point as it is. */
  static boolean isPrintable(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      case Character.SPACE_SEPARATOR -> c == ' ';
      default -> true;
    };
  }

  private static IntPredicate stripped(@Nullable String characters) {
    return characters == null ? Texts::isSpace : c -> characters.indexOf(c) >= 0;
  }

  /** Without some characters, or white space, at both ends. */
  public static String strip(String text, @Nullable String characters) {
    return stripStart(stripEnd(text, characters), characters);
  }

  /** Without some characters, or white space, at the start. */
  public static String stripStart(String text, @Nullable String characters) {
    IntPredicate gone = stripped(characters);
    int start = 0;
    while (start < text.length() && gone.test(text.codePointAt(start))) {
      start += Character.charCount(text.codePointAt(start));
    }
    return text.substring(start);
  }

  /** Without some characters, or white space, at the end. */
  public static String stripEnd(String text, @Nullable String characters) {
    IntPredicate gone = stripped(characters);
    int end = text.length();
    while (end > 0 && gone.test(text.codePointBefore(end))) {
      end -= Character.charCount(text.codePointBefore(end));
    }
    return text.substring(0, end);
  }

  /** The text so many times. */
  public static String repeat(String text, int times, Budget budget) {
    budget.requireLength((long) text.length() * Math.max(0, times));
    return text.repeat(Math.max(0, times));
  }

  /** With another text for the first occurrences of one; below 0: for all. */
  public static String replace(String text, String old, String with, int count, Budget budget) {
    int left = count < 0 ? Integer.MAX_VALUE : count;
    StringBuilder out = new StringBuilder();
    int from = 0;
    if (old.isEmpty()) {
      while (left-- > 0 && from <= text.length()) {
        out.append(with);
        if (from == text.length()) {
          return budget.text(out);
        }
        out.appendCodePoint(text.codePointAt(from));
        from += Character.charCount(text.codePointAt(from));
        budget.check(out);
      }
      return budget.text(out.append(text.substring(Math.min(from, text.length()))));
    }
    for (int at = text.indexOf(old); at >= 0 && left-- > 0; at = text.indexOf(old, from)) {
      out.append(text, from, at).append(with);
      budget.check(out);
      from = at + old.length();
    }
    return budget.text(out.append(text.substring(from)));
  }

  /** The parts between a separator, at most {@code most} + 1; below 0: all. */
  public static List<Object> split(String text, String separator, int most) {
    if (separator.isEmpty()) {
      throw new PythonException("empty separator");
    }
    List<Object> parts = new ArrayList<>();
    int from = 0;
    for (int at = text.indexOf(separator);
        at >= 0 && (most < 0 || parts.size() < most);
        at = text.indexOf(separator, from)) {
      parts.add(text.substring(from, at));
      from = at + separator.length();
    }
    parts.add(text.substring(from));
    return parts;
  }

  /** The parts between a separator, counted from the end. */
  public static List<Object> splitFromEnd(String text, String separator, int most) {
    if (separator.isEmpty()) {
      throw new PythonException("empty separator");
    }
    List<Object> parts = new ArrayList<>();
    int end = text.length();
    while (most < 0 || parts.size() < most) {
      int at =
          end < separator.length() ? -1 : text.lastIndexOf(separator, end - separator.length());
      if (at < 0) {
        break;
      }
      parts.add(text.substring(at + separator.length(), end));
      end = at;
    }
    parts.add(text.substring(0, end));
    java.util.Collections.reverse(parts);
    return parts;
  }

  /** The words between white space, at most {@code most} and the rest; below 0: all. */
  public static List<Object> words(String text, int most) {
    List<Object> words = new ArrayList<>();
    String rest = stripStart(text, null);
    int from = 0;
    while (from < rest.length()) {
      if (most >= 0 && words.size() == most) {
        words.add(rest.substring(from));
        break;
      }
      int end = from;
      while (end < rest.length() && !isSpace(rest.charAt(end))) {
        end++;
      }
      words.add(rest.substring(from, end));
      while (end < rest.length() && isSpace(rest.charAt(end))) {
        end++;
      }
      from = end;
    }
    return words;
  }

  /** The words, counted from the end. */
  public static List<Object> wordsFromEnd(String text, int most) {
    List<Object> words = new ArrayList<>();
    String rest = stripEnd(text, null);
    while (!rest.isEmpty()) {
      if (most >= 0 && words.size() == most) {
        words.add(rest);
        break;
      }
      int start = rest.length();
      while (start > 0 && !isSpace(rest.charAt(start - 1))) {
        start--;
      }
      words.add(rest.substring(start));
      int end = start;
      while (end > 0 && isSpace(rest.charAt(end - 1))) {
        end--;
      }
      rest = rest.substring(0, end);
    }
    java.util.Collections.reverse(words);
    return words;
  }

  /** The lines, with or without their ends. */
  public static List<Object> lines(String text, boolean keepEnds) {
    List<Object> lines = new ArrayList<>();
    int from = 0;
    int at = 0;
    while (at < text.length()) {
      char c = text.charAt(at);
      boolean end =
          (c >= 10 && c <= 13)
              || (c >= 0x1c && c <= 0x1e)
              || c == 0x85
              || c == 0x2028
              || c == 0x2029;
      if (!end) {
        at++;
        continue;
      }
      int after =
          c == '\r' && at + 1 < text.length() && text.charAt(at + 1) == '\n' ? at + 2 : at + 1;
      lines.add(text.substring(from, keepEnds ? after : at));
      from = after;
      at = after;
    }
    if (from < text.length()) {
      lines.add(text.substring(from));
    }
    return lines;
  }

  /** The first character in title case, the others in lower case. */
  public static String capitalize(String text) {
    if (text.isEmpty()) {
      return text;
    }
    int first = text.codePointAt(0);
    int rest = Character.charCount(first);
    return titleCase(first) + text.substring(rest).toLowerCase(Locale.ROOT);
  }

  /** A code point in title case. */
  static String titleCase(int c) {
    int title = Character.toTitleCase(c);
    return title == c ? titleOfUpper(c) : Character.toString(title);
  }

  /** Title case of letters whose upper case is several letters, such as sharp s. */
  private static String titleOfUpper(int c) {
    String upper = Character.toString(c).toUpperCase(Locale.ROOT);
    int first = upper.codePointAt(0);
    return Character.isTitleCase(c) || upper.length() == Character.charCount(first)
        ? Character.toString(c)
        : Character.toString(first)
            + upper.substring(Character.charCount(first)).toLowerCase(Locale.ROOT);
  }

  /** Each word with a capital, where words are runs of letters. */
  public static String title(String text) {
    StringBuilder out = new StringBuilder(text.length());
    boolean within = false;
    int from = 0;
    for (int i = 0; i < text.length(); i += Character.charCount(text.codePointAt(i))) {
      int c = text.codePointAt(i);
      boolean cased = isCased(c);
      if (cased && !within) {
        out.append(text.substring(from, i).toLowerCase(Locale.ROOT)).append(titleCase(c));
        from = i + Character.charCount(c);
      }
      within = cased;
    }
    return out.append(text.substring(from).toLowerCase(Locale.ROOT)).toString();
  }

  static boolean isCased(int c) {
    return Character.isUpperCase(c) || Character.isLowerCase(c) || Character.isTitleCase(c);
  }

  /** Padded on both sides. */
  public static String center(String text, int width, String fill, Budget budget) {
    int margin = width - length(text);
    if (margin <= 0) {
      return text;
    }
    int left = margin / 2 + (margin & width & 1);
    return repeat(fill, left, budget) + text + repeat(fill, margin - left, budget);
  }

  /** One code point, by its index from the start, or from the end if below 0; null outside. */
  public static @Nullable String at(String text, int index) {
    int length = length(text);
    int at = index < 0 ? index + length : index;
    if (at < 0 || at >= length) {
      return null;
    }
    int from = text.offsetByCodePoints(0, at);
    return Character.toString(text.codePointAt(from));
  }
}
