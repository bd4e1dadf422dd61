package io.github.peft4j.metrics.entity;

import java.util.ArrayList;
import java.util.List;

/**
 * A scheme of tags, read strictly, as seqeval does with {@code mode='strict'}: words whose tags
 * break the scheme's rules are no entity.
 *
 * <p>A rule is two prefixes of neighbouring words, the first {@code *} if it may be any, and {@code
 * =} if their types must be the same, or {@code !} if they must differ.
 */
public enum TagScheme {
  /** {@code I} inside, {@code B} only where an entity follows another one of its type. */
  IOB1(
      "IOB",
      List.of("OI", "II!", "BI", "IB=", "BB="),
      List.of("BI=", "II="),
      List.of("II!", "IO", "IB", "BO", "BI!", "BB=")),
  /** {@code B} at the first word, {@code I} at the others. */
  IOB2("IOB", List.of("*B"), List.of("BI=", "II="), List.of("IO", "II!", "IB", "BO", "BI!", "BB")),
  /** {@code I} inside, {@code E} only where an entity of the same type follows. */
  IOE1(
      "IOE",
      List.of("OI", "II!", "EI", "EE="),
      List.of("II=", "IE="),
      List.of("II!", "IO", "IE!", "EI=", "EE=")),
  /** {@code E} at the last word, {@code I} at the others. */
  IOE2("IOE", List.of("OI", "OE", "EI", "EE", "II!", "IE!"), List.of("IE=", "II="), List.of("E*")),
  /** {@code B} at the first word, {@code E} at the last, {@code S} at a single one. */
  IOBES("IOBES", List.of("*B", "*S"), List.of("BI=", "BE=", "II=", "IE="), List.of("S*", "E*")),
  /** {@code B} at the first word, {@code L} at the last, {@code U} at a single one. */
  BILOU("BILOU", List.of("*B", "*U"), List.of("BI=", "BL=", "II=", "IL="), List.of("U*", "L*"));

  private static final Tag OUTSIDE = new Tag('O', "_");

  private final String prefixes;
  private final List<String> starts;
  private final List<String> inside;
  private final List<String> ends;

  TagScheme(String prefixes, List<String> starts, List<String> inside, List<String> ends) {
    this.prefixes = prefixes;
    this.starts = starts;
    this.inside = inside;
    this.ends = ends;
  }

  private record Tag(char prefix, String type) {

    boolean follows(Tag previous, List<String> rules) {
      return rules.stream().anyMatch(rule -> follows(previous, rule));
    }

    private boolean follows(Tag previous, String rule) {
      boolean same = type.equals(previous.type);
      return matches(rule.charAt(0), previous.prefix)
          && matches(rule.charAt(1), prefix)
          && (rule.length() == 2 || same == (rule.charAt(2) == '='));
    }

    private static boolean matches(char rule, char prefix) {
      return rule == '*' || rule == prefix;
    }
  }

  /**
   * The entities of a row of tags.
   *
   * @param row the tags: a prefix of this scheme, then a dash and a type; or {@code O}
   * @return the entities in order
   * @throws IllegalArgumentException if a tag's prefix is not one of this scheme
   */
  public List<Entity> entities(List<String> row) {
    List<Tag> tags = new ArrayList<>(row.stream().map(this::parse).toList());
    tags.add(OUTSIDE);
    List<Entity> entities = new ArrayList<>();
    Tag previous = OUTSIDE;
    int i = 0;
    while (i < tags.size()) {
      int end = i + 1;
      if (tags.get(i).follows(previous, starts)) {
        while (end < tags.size() && tags.get(end).follows(tags.get(end - 1), inside)) {
          end++;
        }
        if (tags.get(end).follows(tags.get(end - 1), ends)) {
          entities.add(new Entity(tags.get(i).type(), i, end));
        }
      }
      previous = tags.get(end - 1);
      i = end;
    }
    return entities;
  }

  private Tag parse(String tag) {
    if (tag.isEmpty() || prefixes.indexOf(tag.charAt(0)) < 0) {
      throw new IllegalArgumentException(
          "tag '%s', expected one that begins with %s, as %s has it"
              .formatted(tag, String.join(", ", prefixes.split("")), this));
    }
    String type = tag.substring(1).replaceAll("^-+|-+$", "");
    return new Tag(tag.charAt(0), type.isEmpty() ? "_" : type);
  }
}
