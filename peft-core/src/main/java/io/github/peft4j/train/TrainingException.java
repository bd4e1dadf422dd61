package io.github.peft4j.train;

import io.github.peft4j.advice.Advice;
import io.github.peft4j.advice.Advised;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A training cannot continue. The message names the step, the reason and what was saved. */
public final class TrainingException extends RuntimeException implements Advised {

  private static final long serialVersionUID = 1L;

  private final String fact;
  private final transient @Nullable Advice advice;

  /** Creates the exception with this message. */
  public TrainingException(String message) {
    this(message, null);
  }

  /**
   * Creates the exception with advice.
   *
   * @param fact what happened, without a full stop
   * @param advice null if there is none
   */
  public TrainingException(String fact, @Nullable Advice advice) {
    super(Advised.message(fact, advice));
    this.fact = fact;
    this.advice = advice;
  }

  @Override
  public String fact() {
    return fact;
  }

  @Override
  public Optional<Advice> advice() {
    return Optional.ofNullable(advice);
  }
}
