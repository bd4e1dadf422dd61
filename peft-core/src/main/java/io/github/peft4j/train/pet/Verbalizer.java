package io.github.peft4j.train.pet;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a model says for each label: {@code Verbalizer.of(Map.of("positive", "great", "negative",
 * "terrible"))}.
 *
 * <p>A word may be one token or several. If all words are one token each, a label may have several,
 * whose logits are averaged. With words of several tokens, a gap has as many masks as the longest
 * has tokens, and a label has one word.
 */
public final class Verbalizer {

  private final Map<String, List<String>> words;

  private Verbalizer(Map<String, List<String>> words) {
    this.words = words;
  }

  /**
   * A word for each label.
   *
   * @throws IllegalArgumentException if there are fewer than two labels, or a word is blank
   */
  public static Verbalizer of(Map<String, String> words) {
    Map<String, List<String>> all = new TreeMap<>();
    words.forEach((label, word) -> all.put(label, List.of(word)));
    return checked(all);
  }

  /**
   * One or several words for each label.
   *
   * @throws IllegalArgumentException if there are fewer than two labels, or a word is blank
   */
  public static Verbalizer ofSeveral(Map<String, List<String>> words) {
    Map<String, List<String>> all = new TreeMap<>();
    words.forEach((label, some) -> all.put(label, List.copyOf(some)));
    return checked(all);
  }

  private static Verbalizer checked(Map<String, List<String>> words) {
    if (words.size() < 2) {
      throw new IllegalArgumentException(
          "a verbalizer has words for labels %s; expected two labels at least"
              .formatted(words.keySet()));
    }
    words.forEach(
        (label, some) -> {
          if (some.isEmpty() || some.stream().anyMatch(String::isBlank)) {
            throw new IllegalArgumentException(
                "label '%s' has the words %s; expected one at least, and none blank"
                    .formatted(label, some));
          }
        });
    return new Verbalizer(words);
  }

  /** The labels, in alphabetical order. */
  public List<String> labels() {
    return new ArrayList<>(words.keySet());
  }

  /** The words of each label, in the order of {@link #labels}. */
  List<List<String>> words() {
    return new ArrayList<>(words.values());
  }

  @Override
  public String toString() {
    return words.toString();
  }
}
