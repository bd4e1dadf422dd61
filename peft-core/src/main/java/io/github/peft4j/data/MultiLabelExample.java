package io.github.peft4j.data;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A text, or a pair of texts, that belongs to several classes at once, to one, or to none.
 *
 * @param text the text
 * @param pair the second text, or null
 * @param labels the names of its classes; each once
 */
public record MultiLabelExample(String text, @Nullable String pair, List<String> labels)
    implements Example {

  /** Copies the labels, and checks that each stands once. */
  public MultiLabelExample {
    labels = List.copyOf(labels);
    Set<String> seen = new HashSet<>();
    for (String label : labels) {
      if (!seen.add(label)) {
        throw new DataException("label '%s' stands twice".formatted(Quote.shorten(label)));
      }
    }
  }

  /**
   * A single text and its classes.
   *
   * @param text the text
   * @param labels the names of its classes; each once
   */
  public MultiLabelExample(String text, List<String> labels) {
    this(text, null, labels);
  }

  @Override
  public List<String> fields() {
    String names = Values.json(labels);
    return pair == null ? List.of(text, names) : List.of(text, pair, names);
  }
}
