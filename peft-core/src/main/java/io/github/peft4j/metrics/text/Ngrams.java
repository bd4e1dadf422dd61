package io.github.peft4j.metrics.text;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Counts of n-grams. */
final class Ngrams {

  private Ngrams() {}

  /** How often each n-gram of tokens occurs. */
  static Map<List<String>, Integer> of(List<String> tokens, int n) {
    Map<List<String>, Integer> counts = new HashMap<>();
    for (int i = 0; i + n <= tokens.size(); i++) {
      counts.merge(tokens.subList(i, i + n), 1, Integer::sum);
    }
    return counts;
  }

  /** How many n-grams there are. */
  static long count(Map<?, Integer> counts) {
    return counts.values().stream().mapToLong(count -> count).sum();
  }

  /** How many n-grams are in both. */
  static <T> long common(Map<T, Integer> first, Map<T, Integer> second) {
    return first.entrySet().stream()
        .mapToLong(e -> Math.min(e.getValue(), second.getOrDefault(e.getKey(), 0)))
        .sum();
  }
}
