package io.github.peft4j.cli;

import java.io.UncheckedIOException;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Errors that name the option they come from. */
final class Mistakes {

  private Mistakes() {}

  /** The value of an option that is needed. */
  static <T> T given(String option, @Nullable T value) {
    if (value == null) {
      throw new IllegalArgumentException(
          option + " is missing: give it on the command line or in the file of --settings");
    }
    return value;
  }

  /** Runs what an option asks for. */
  static <T> T at(String option, Supplier<? extends T> action) {
    try {
      return action.get();
    } catch (IllegalArgumentException | UncheckedIOException e) {
      throw new IllegalArgumentException(option + ": " + e.getMessage(), e);
    }
  }

  /** Gives a value to the library, which checks it; nothing if the option was not given. */
  static <T> void set(String option, @Nullable T value, Consumer<? super T> setter) {
    if (value != null) {
      at(
          option,
          () -> {
            setter.accept(value);
            return value;
          });
    }
  }
}
