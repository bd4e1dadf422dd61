package io.github.peft4j.data;

import java.util.List;

/** One thing to learn from, as text. Immutable. */
public sealed interface Example permits ClassificationExample, PromptExample, TextExample {

  /**
   * The strings that make up this example, in a fixed order: what is hashed as its content.
   *
   * @return the strings, without those that are absent
   */
  List<String> fields();
}
