package io.github.peft4j.chat;

/**
 * A chat template cannot be read, or it refuses a conversation. The message names the template and
 * its line.
 */
public final class TemplateException extends IllegalArgumentException {

  private static final long serialVersionUID = 1L;

  /**
   * An error of a template.
   *
   * @param message the template, its line and the problem
   */
  public TemplateException(String message) {
    super(message);
  }
}
