package io.github.peft4j.advice;

import java.util.List;

/**
 * What to do about an error.
 *
 * @param remedy the kind, for those who say it in other words
 * @param text a sentence that says it to people who write Java, without its full stop
 * @param values what the remedy says, such as the name of a column
 */
public record Advice(Remedy remedy, String text, List<String> values) {

  /** Copies the values. */
  public Advice {
    values = List.copyOf(values);
  }

  /** The first value; empty if there is none. */
  public String value() {
    return values.isEmpty() ? "" : values.get(0);
  }

  @Override
  public String toString() {
    return text;
  }
}
