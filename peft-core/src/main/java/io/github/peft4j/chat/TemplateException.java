package io.github.peft4j.chat;

import io.github.peft4j.data.DataException;
import java.util.function.Supplier;

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

  /**
   * Renders an example of a data set. If the template refuses it, the data is wrong, and the data
   * set names the example.
   */
  static <T> T inData(Supplier<T> rendered) {
    try {
      return rendered.get();
    } catch (TemplateException e) {
      throw new DataException(String.valueOf(e.getMessage()), e);
    }
  }
}
