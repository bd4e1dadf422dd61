package io.github.peft4j.data;

import java.util.List;

/**
 * A prompt and the answer to learn. Only the answer's tokens count in the loss.
 *
 * @param prompt the model's input
 * @param answer the output that the model should give
 */
public record PromptExample(String prompt, String answer) implements Example {

  @Override
  public List<String> fields() {
    return List.of(prompt, answer);
  }
}
