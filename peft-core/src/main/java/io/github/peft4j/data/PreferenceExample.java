package io.github.peft4j.data;

import java.util.List;

/**
 * Two answers to one prompt, of which one is better: for DPO, ORPO and their kin.
 *
 * @param prompt the model's input
 * @param chosen the better answer
 * @param rejected the worse answer
 */
public record PreferenceExample(String prompt, String chosen, String rejected) implements Example {

  @Override
  public List<String> fields() {
    return List.of(prompt, chosen, rejected);
  }
}
