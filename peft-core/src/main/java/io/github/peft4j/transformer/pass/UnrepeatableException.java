package io.github.peft4j.transformer.pass;

/**
 * A pass cannot be a {@linkplain KeyValueCache#repeat repeated step}: it would compute with numbers
 * of the host that change from step to step. Generation then goes on with steps of its own.
 */
public final class UnrepeatableException extends IllegalStateException {

  private static final long serialVersionUID = 1;

  UnrepeatableException(String what) {
    super("the step cannot be repeated: " + what);
  }
}
