package io.github.peft4j.chat.python;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What a dict's {@code keys()}, {@code values()} and {@code items()} give.
 *
 * @param kind which of the three
 * @param map the dict
 */
public record View(Kind kind, Map<Object, Object> map) {

  /** What of the entries is seen. */
  public enum Kind {
    /** The keys. */
    KEYS,
    /** The values. */
    VALUES,
    /** Pairs of key and value. */
    ITEMS;

    /** Python's name of the method, which is also the end of the type's name. */
    public String method() {
      return name().toLowerCase(java.util.Locale.ROOT);
    }
  }

  /** What is seen, in the dict's order. */
  public List<Object> items() {
    return switch (kind) {
      case KEYS -> new ArrayList<>(map.keySet());
      case VALUES -> new ArrayList<>(map.values());
      case ITEMS -> {
        List<Object> pairs = new ArrayList<>(map.size());
        map.forEach((key, value) -> pairs.add(Tuple.of(key, value)));
        yield pairs;
      }
    };
  }
}
