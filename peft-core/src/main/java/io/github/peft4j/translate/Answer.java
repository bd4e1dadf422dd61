package io.github.peft4j.translate;

/**
 * An answer that is a part of a text.
 *
 * @param text the part; empty if the text has no answer
 * @param score its probability among the answers that were considered, 0 to 1
 * @param start where it begins, a {@code char} index into the text
 * @param end where it ends, exclusive
 */
public record Answer(String text, double score, int start, int end) {

  /** Whether the answer is that the text has none. */
  public boolean isNone() {
    return text.isEmpty();
  }
}
