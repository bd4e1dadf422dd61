package io.github.peft4j.advice;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** An error whose message is a fact and, often, advice. */
public interface Advised {

  /** What is wrong, without the advice. */
  String fact();

  /** What to do about it. */
  Optional<Advice> advice();

  /** The fact of any error: its message if it has no advice apart. */
  static String fact(Throwable error) {
    return error instanceof Advised advised ? advised.fact() : String.valueOf(error.getMessage());
  }

  /** The advice of any error. */
  static Optional<Advice> advice(Throwable error) {
    return error instanceof Advised advised ? advised.advice() : Optional.empty();
  }

  /** The message that Java shows. */
  static String message(String fact, @Nullable Advice advice) {
    return advice == null ? fact : fact + ". " + advice.text();
  }
}
