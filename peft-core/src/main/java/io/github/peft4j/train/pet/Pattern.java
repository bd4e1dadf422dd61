package io.github.peft4j.train.pet;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;

/**
 * A text with a gap, which a language model fills: {@code "{text} It was {mask}."}.
 *
 * <p>{@code {text}} is the text to classify, {@code {pair}} the second text of a pair, {@code
 * {mask}} the gap. {@code ||} divides the pattern into two segments, as the paper's ‖ does: {@code
 * "{text}? || {mask}, {pair}"}. If a text is too long, it is cut; the pattern's own words never
 * are.
 *
 * <p>As in the authors' code, each part is tokenized by itself, without the blanks around it.
 */
public final class Pattern {

  private static final java.util.regex.Pattern SLOT =
      java.util.regex.Pattern.compile("\\{(\\w*)}|\\|\\|");

  /** What stands at a place of a pattern. */
  enum Slot {
    WORDS,
    TEXT,
    PAIR,
    MASK
  }

  /** A part: words of the pattern itself, or a slot. */
  record Part(Slot slot, String words) {}

  private final String template;
  private final List<List<Part>> segments;

  private Pattern(String template, List<List<Part>> segments) {
    this.template = template;
    this.segments = segments;
  }

  /**
   * Reads a pattern.
   *
   * @throws IllegalArgumentException if it has no text, not exactly one gap, an unknown slot, or
   *     more than two segments
   */
  public static Pattern of(String template) {
    List<List<Part>> segments = new ArrayList<>(List.of(new ArrayList<>()));
    Matcher matcher = SLOT.matcher(template);
    int at = 0;
    for (MatchResult slot : matcher.results().toList()) {
      words(template.substring(at, slot.start()), last(segments));
      at = slot.end();
      if (slot.group(1) == null) {
        segments.add(new ArrayList<>());
      } else {
        last(segments).add(new Part(slot(slot.group(1), template), ""));
      }
    }
    words(template.substring(at), last(segments));
    require(template, segments);
    return new Pattern(template, segments.stream().map(List::copyOf).toList());
  }

  private static List<Part> last(List<List<Part>> segments) {
    return segments.get(segments.size() - 1);
  }

  private static void words(String words, List<Part> parts) {
    if (!words.isBlank()) {
      parts.add(new Part(Slot.WORDS, words.strip()));
    }
  }

  private static Slot slot(String name, String template) {
    return switch (name) {
      case "text" -> Slot.TEXT;
      case "pair" -> Slot.PAIR;
      case "mask" -> Slot.MASK;
      default ->
          throw new IllegalArgumentException(
              "pattern '%s' has {%s}; expected {text}, {pair} and {mask}"
                  .formatted(template, name));
    };
  }

  private static void require(String template, List<List<Part>> segments) {
    long masks = count(Slot.MASK, segments);
    if (masks != 1) {
      throw new IllegalArgumentException(
          "pattern '%s' has %d gaps; expected one {mask}".formatted(template, masks));
    }
    if (count(Slot.TEXT, segments) != 1 || count(Slot.PAIR, segments) > 1) {
      throw new IllegalArgumentException(
          "pattern '%s': expected one {text}, and at most one {pair}".formatted(template));
    }
    if (segments.size() > 2 || segments.stream().anyMatch(List::isEmpty)) {
      throw new IllegalArgumentException(
          "pattern '%s': expected one segment, or two with || between them, none of them empty"
              .formatted(template));
    }
  }

  private static long count(Slot slot, List<List<Part>> segments) {
    return segments.stream().flatMap(List::stream).filter(p -> p.slot() == slot).count();
  }

  /** The parts of each segment. */
  List<List<Part>> segments() {
    return segments;
  }

  boolean hasPair() {
    return count(Slot.PAIR, segments) > 0;
  }

  /** Whether nothing follows the gap, so that a language model can write into it. */
  boolean endsWithMask() {
    List<Part> parts = last(segments);
    return parts.get(parts.size() - 1).slot() == Slot.MASK;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Pattern pattern && pattern.template.equals(template);
  }

  @Override
  public int hashCode() {
    return template.hashCode();
  }

  /** The pattern as it was written. */
  @Override
  public String toString() {
    return template;
  }
}
