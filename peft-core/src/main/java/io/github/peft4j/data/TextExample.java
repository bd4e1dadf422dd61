package io.github.peft4j.data;

import java.util.List;

/**
 * A text for language modelling: each token is predicted from the ones before it.
 *
 * @param text the text
 */
public record TextExample(String text) implements Example {

  @Override
  public List<String> fields() {
    return List.of(text);
  }
}
