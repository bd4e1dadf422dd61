package io.github.peft4j.io;

import java.util.Collection;
import java.util.NoSuchElementException;
import java.util.stream.Collectors;

/** Somebody asked for a tensor that a source does not have. The message names some that it has. */
public final class NoSuchTensorException extends NoSuchElementException {
  private static final long serialVersionUID = 1L;

  /**
   * Says what was asked for, and what might have been meant.
   *
   * @param source where it was looked for, such as a path
   * @param name the name asked for
   * @param known the names that the source has
   */
  public NoSuchTensorException(Object source, String name, Collection<String> known) {
    super(message(source, name, known));
  }

  private static String message(Object source, String name, Collection<String> known) {
    String last = name.substring(name.lastIndexOf('.', Math.max(0, name.lastIndexOf('.') - 1)) + 1);
    String alike =
        known.stream().filter(n -> n.endsWith(last)).limit(3).collect(Collectors.joining(", "));
    String hint =
        alike.isEmpty()
            ? known.stream().limit(3).collect(Collectors.joining(", ", "it begins with: ", ""))
            : "similar names: " + alike;
    return "%s has no tensor %s among its %d; %s".formatted(source, name, known.size(), hint);
  }
}
