package io.github.peft4j.io;

import java.util.Collection;
import java.util.NoSuchElementException;
import java.util.stream.Collectors;

/** A source does not have the requested tensor. The message names similar ones. */
public final class NoSuchTensorException extends NoSuchElementException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception, with similar names.
   *
   * @param source the source, such as a path
   * @param name the requested name
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
