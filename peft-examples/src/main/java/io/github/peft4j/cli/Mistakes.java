package io.github.peft4j.cli;

import io.github.peft4j.advice.AdvisedException;
import io.github.peft4j.hub.HubException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
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

  /** Two options of which only one counts. */
  static void exclude(String one, boolean hasOne, String other, boolean hasOther) {
    if (hasOne && hasOther) {
      throw new IllegalArgumentException(one + " and " + other + " exclude each other: give one");
    }
  }

  /** An option that does something for some tasks alone. */
  static void isFor(String option, boolean given, DataTask task, DataTask... tasks) {
    if (given && !List.of(tasks).contains(task)) {
      throw new IllegalArgumentException(
          "%s is for the task%s %s, and this is %s"
              .formatted(
                  option,
                  tasks.length > 1 ? "s" : "",
                  Stream.of(tasks).map(DataTask::toString).collect(Collectors.joining(" and ")),
                  task));
    }
  }

  /** Runs what an option asks for. */
  static <T> T at(String option, Supplier<? extends T> action) {
    try {
      return action.get();
    } catch (IllegalArgumentException | UncheckedIOException | HubException e) {
      throw AdvisedException.at(option, e);
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
