package io.github.peft4j.data;

import java.util.ArrayList;
import java.util.List;

/**
 * Texts whose vectors should be near each other or apart, such as a question, its answer, and
 * answers to other questions.
 *
 * @param anchor a text
 * @param positive a text that belongs to the anchor
 * @param negatives texts that do not belong to it; may be empty. All examples of a data set have
 *     equally many
 */
public record AnchorExample(String anchor, String positive, List<String> negatives)
    implements Example {

  /** Copies the list. */
  public AnchorExample {
    negatives = List.copyOf(negatives);
  }

  /** A pair without negatives, or with some. */
  public static AnchorExample of(String anchor, String positive, String... negatives) {
    return new AnchorExample(anchor, positive, List.of(negatives));
  }

  /** The anchor, the positive, and the negatives. */
  @Override
  public List<String> fields() {
    List<String> fields = new ArrayList<>(List.of(anchor, positive));
    fields.addAll(negatives);
    return fields;
  }
}
