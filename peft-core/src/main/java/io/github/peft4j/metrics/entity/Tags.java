package io.github.peft4j.metrics.entity;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Entities out of tags, as CoNLL's evaluation script reads them: tags that break a scheme's rules
 * start an entity where they stand. This is what seqeval does unless it is told to be strict.
 */
public final class Tags {

  private static final Pattern TAG = Pattern.compile("O|[BIES](-.*)?", Pattern.DOTALL);

  private Tags() {}

  /**
   * The entities of a row of tags.
   *
   * @param tags {@code O}, or one of {@code B}, {@code I}, {@code E}, {@code S} with a dash and a
   *     type
   * @return the entities in order
   * @throws IllegalArgumentException if a tag is none of these
   */
  public static List<Entity> entities(List<String> tags) {
    List<Entity> entities = new ArrayList<>();
    Tag previous = new Tag('O', "_");
    int start = 0;
    for (int i = 0; i <= tags.size(); i++) {
      Tag tag = i == tags.size() ? new Tag('O', "_") : parse(tags.get(i));
      if (ends(previous, tag)) {
        entities.add(new Entity(previous.type(), start, i));
      }
      if (starts(previous, tag)) {
        start = i;
      }
      previous = tag;
    }
    return entities;
  }

  /** Whether {@link #entities} can read a tag. */
  public static boolean isTag(String tag) {
    return TAG.matcher(tag).matches();
  }

  private record Tag(char prefix, String type) {
    boolean is(String prefixes) {
      return prefixes.indexOf(prefix) >= 0;
    }
  }

  private static Tag parse(String tag) {
    if (!isTag(tag)) {
      throw new IllegalArgumentException(
          "tag '%s', expected O, or B, I, E or S with a dash and a type, such as B-PER; a TagScheme knows others"
              .formatted(tag));
    }
    return new Tag(tag.charAt(0), tag.length() < 3 ? "_" : tag.substring(2));
  }

  private static boolean ends(Tag previous, Tag tag) {
    return previous.is("ES")
        || (previous.is("BI") && (tag.is("BSO") || !previous.type().equals(tag.type())));
  }

  private static boolean starts(Tag previous, Tag tag) {
    return tag.is("BS")
        || (tag.is("EI") && (previous.is("ESO") || !previous.type().equals(tag.type())));
  }
}
