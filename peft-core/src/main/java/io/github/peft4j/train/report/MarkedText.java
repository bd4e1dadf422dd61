package io.github.peft4j.train.report;

import java.util.List;

/**
 * A text of which parts are marked, such as the names in a sentence.
 *
 * @param text the text
 * @param marks the marked parts, in their order, none within another
 */
public record MarkedText(String text, List<Mark> marks) {

  /**
   * A marked part.
   *
   * @param start where it begins, a {@code char} index
   * @param end where it ends, exclusive
   * @param label what it is, such as {@code PER}; may be empty
   */
  public record Mark(int start, int end, String label) {}

  /**
   * Checks that the marks are in the text.
   *
   * @throws IllegalArgumentException if one is not, or begins before the one before it has ended
   */
  public MarkedText {
    marks = List.copyOf(marks);
    int end = 0;
    for (Mark mark : marks) {
      if (mark.start() < end || mark.end() < mark.start() || mark.end() > text.length()) {
        throw new IllegalArgumentException(
            "%s is no part of the %d characters after the mark before it, which end at %d"
                .formatted(mark, text.length(), end));
      }
      end = mark.end();
    }
  }

  /** A text without marks. */
  public static MarkedText of(String text) {
    return new MarkedText(text, List.of());
  }

  @Override
  public String toString() {
    return text;
  }
}
