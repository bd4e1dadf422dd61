package io.github.peft4j.chat.python;

/**
 * What Jinja gives for a name or a field that is not there: empty as a text or a list, false as a
 * condition, and an error in all else.
 *
 * @param message the error
 */
public record Undefined(String message) {

  /** All undefined values are equal. */
  @Override
  public boolean equals(Object other) {
    return other instanceof Undefined;
  }

  @Override
  public int hashCode() {
    return 0;
  }
}
