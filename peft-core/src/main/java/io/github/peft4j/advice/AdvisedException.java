package io.github.peft4j.advice;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** An argument that is not usable, and what to do about it. */
public class AdvisedException extends IllegalArgumentException implements Advised {

  private static final long serialVersionUID = 1L;

  private final String fact;
  private final transient @Nullable Advice advice;

  /**
   * An error with advice.
   *
   * @param fact what is wrong, without a full stop
   */
  public AdvisedException(String fact, Advice advice) {
    this(fact, advice, null);
  }

  /**
   * An error with a cause.
   *
   * @param fact what is wrong, without a full stop
   * @param advice null if there is none
   */
  public AdvisedException(String fact, @Nullable Advice advice, @Nullable Throwable cause) {
    super(Advised.message(fact, advice), cause);
    this.fact = fact;
    this.advice = advice;
  }

  /** The same error with the place where it was found before it. */
  public static AdvisedException at(String place, Throwable error) {
    return new AdvisedException(
        place + ": " + Advised.fact(error), Advised.advice(error).orElse(null), error);
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
