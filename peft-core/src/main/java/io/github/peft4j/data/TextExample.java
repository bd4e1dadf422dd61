package io.github.peft4j.data;

import java.util.List;

/**
 * A text for plain language modelling: each of its tokens is to be predicted from those before.
 *
 * @param text the text
 */
public record TextExample(String text) implements Example {

  @Override
  public List<String> fields() {
    return List.of(text);
  }
}
