package io.github.peft4j.examples.bench;

import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.training.LoraFa;
import io.github.peft4j.methods.lst.LstConfig;
import io.github.peft4j.tuner.training.TrainingRule;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A method that is measured.
 *
 * @param name its name on the command line
 * @param config its settings, or null for the base model without an adapter
 * @param rule what it does in training
 */
public record Method(String name, @Nullable PeftConfig config, TrainingRule rule) {

  private static final LoraConfig LORA = LoraConfig.ofRank(16).loraAlpha(32);
  private static final LoraConfig ALL_LINEAR = LORA.targetModules("all-linear");

  private static final List<Method> ALL =
      List.of(
          new Method("lora", ALL_LINEAR, TrainingRule.ALIKE),
          new Method("lora-qv", LORA, TrainingRule.ALIKE),
          new Method("lora-fa", ALL_LINEAR, new LoraFa()),
          new Method("dora", ALL_LINEAR.useDora(true), TrainingRule.ALIKE),
          new Method("lst", LstConfig.defaults(), TrainingRule.ALIKE),
          new Method("none", null, TrainingRule.ALIKE));

  /**
   * The method of a name.
   *
   * @throws IllegalArgumentException naming the known methods
   */
  public static Method of(String name) {
    return ALL.stream()
        .filter(method -> method.name.equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "no method '"
                        + name
                        + "'; there are "
                        + ALL.stream().map(Method::name).toList()));
  }

  /**
   * The settings of an adapter.
   *
   * @throws IllegalArgumentException if there is none
   */
  public PeftConfig required() {
    if (config == null) {
      throw new IllegalArgumentException("the method 'none' has nothing to train");
    }
    return config;
  }
}
