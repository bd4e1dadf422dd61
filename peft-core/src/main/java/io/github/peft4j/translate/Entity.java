package io.github.peft4j.translate;

/**
 * A part of a text that has a type, such as a name.
 *
 * @param type the type: the tag without {@code B-} and {@code I-}
 * @param score its probability, 0 to 1; of several words, the mean
 * @param text the part
 * @param start where it begins, a {@code char} index into the text
 * @param end where it ends, exclusive
 */
public record Entity(String type, double score, String text, int start, int end) {}
