package io.github.peft4j.transformer.config;

import io.github.peft4j.advice.Advice;
import io.github.peft4j.advice.Advised;
import io.github.peft4j.advice.AdvisedException;

/**
 * Thrown for a model that is not supported because of its family, its head or a setting. The
 * message names the file, the field, its value, and the supported values.
 */
public final class UnsupportedModelException extends AdvisedException {

  private static final long serialVersionUID = 1L;

  /** Creates an exception with the message of another error. */
  public UnsupportedModelException(IllegalArgumentException cause) {
    super(Advised.fact(cause), Advised.advice(cause).orElse(null), cause);
  }

  /** Creates an exception with the message of another error, and advice. */
  public UnsupportedModelException(IllegalArgumentException cause, Advice advice) {
    super(Advised.fact(cause), advice, cause);
  }
}
