package io.github.peft4j.data;

import java.util.List;
import java.util.stream.Stream;

/**
 * Words with a tag each, such as {@code B-PER}, {@code I-PER} and {@code O} for the names in a
 * sentence.
 *
 * @param words the words
 * @param tags the tag of each word
 */
public record TokensExample(List<String> words, List<String> tags) implements Example {

  /**
   * Checks that each word has a tag.
   *
   * @throws DataException if the lists differ in length
   */
  public TokensExample {
    words = List.copyOf(words);
    tags = List.copyOf(tags);
    if (words.size() != tags.size()) {
      throw new DataException(
          words.size() + " words, but " + tags.size() + " tags; expected one tag for each word");
    }
  }

  @Override
  public List<String> fields() {
    return Stream.concat(words.stream(), tags.stream()).toList();
  }
}
