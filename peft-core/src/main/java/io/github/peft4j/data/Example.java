package io.github.peft4j.data;

import java.util.List;

/** One training example, as text. Immutable. */
public interface Example {

  /**
   * The strings of this example, in a fixed order. They are hashed as its content.
   *
   * @return the strings, without absent ones
   */
  List<String> fields();
}
