package io.github.peft4j.metrics.text;

import java.util.ArrayList;
import java.util.List;

/**
 * What Python's {@code str} does, where Java's {@code String} does something else: white space and
 * lower case.
 */
final class PythonText {

  /** Characters inside words that are no letters: Word_Break MidLetter, MidNumLet, Single_Quote. */
  private static final String IN_WORDS =
      "'.:\u00b7\u0387\u055f\u05f4\u2018\u2019\u2024\u2027\ufe13\ufe52\ufe55\uff07\uff0e\uff1a";

  private PythonText() {}

  /** {@code str.isspace()} of a code point. */
  static boolean isSpace(int c) {
    return (c >= 0x9 && c <= 0xd)
        || (c >= 0x1c && c <= 0x1f)
        || c == 0x85
        || Character.isSpaceChar(c);
  }

  /** {@code text.split()}. */
  static List<String> split(String text) {
    List<String> words = new ArrayList<>();
    int start = 0;
    for (int i = 0, width; i <= text.length(); i += width) {
      int c = i == text.length() ? ' ' : text.codePointAt(i);
      width = Character.charCount(c);
      if (isSpace(c)) {
        if (i > start) {
          words.add(text.substring(start, i));
        }
        start = i + width;
      }
    }
    return words;
  }

  /** {@code text.rstrip()}. */
  static String stripTrailing(String text) {
    int end = text.length();
    while (end > 0 && isSpace(text.charAt(end - 1))) {
      end--;
    }
    return text.substring(0, end);
  }

  /**
   * {@code text.lower()}. Java finds the end of a word, where sigma is {@code ς}, by other rules.
   */
  static String lower(String text) {
    StringBuilder lower = new StringBuilder(text.length());
    for (int i = 0, width; i < text.length(); i += width) {
      int c = text.codePointAt(i);
      width = Character.charCount(c);
      switch (c) {
        case 'İ' -> lower.append("i\u0307");
        case 'Σ' -> lower.append(endsWord(text, i) ? 'ς' : 'σ');
        default -> lower.appendCodePoint(Character.toLowerCase(c));
      }
    }
    return lower.toString();
  }

  /**
   * Whether a letter comes before a sigma and none after it. Characters without case do not count.
   */
  private static boolean endsWord(String text, int sigma) {
    int before = sigma;
    int c = -1;
    do {
      if (before == 0) {
        return false;
      }
      c = text.codePointBefore(before);
      before -= Character.charCount(c);
    } while (isCaseIgnorable(c));
    if (!isCased(c)) {
      return false;
    }
    for (int after = sigma + 1; after < text.length(); after += Character.charCount(c)) {
      c = text.codePointAt(after);
      if (!isCaseIgnorable(c)) {
        return !isCased(c);
      }
    }
    return true;
  }

  private static boolean isCased(int c) {
    return Character.isLowerCase(c) || Character.isUpperCase(c) || Character.isTitleCase(c);
  }

  private static boolean isCaseIgnorable(int c) {
    return switch (Character.getType(c)) {
      case Character.NON_SPACING_MARK,
          Character.ENCLOSING_MARK,
          Character.FORMAT,
          Character.MODIFIER_LETTER,
          Character.MODIFIER_SYMBOL ->
          true;
      default -> IN_WORDS.indexOf(c) >= 0;
    };
  }
}
