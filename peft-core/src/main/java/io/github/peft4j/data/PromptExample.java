package io.github.peft4j.data;

import java.util.List;

/**
 * A prompt and the answer to be learned. Only the answer counts in the loss.
 *
 * @param prompt what the model is given
 * @param answer what it should say
 */
public record PromptExample(String prompt, String answer) implements Example {

  @Override
  public List<String> fields() {
    return List.of(prompt, answer);
  }
}
