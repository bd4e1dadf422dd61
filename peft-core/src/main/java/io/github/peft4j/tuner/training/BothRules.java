package io.github.peft4j.tuner.training;

import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.site.Rewrite;
import java.util.List;
import java.util.Optional;

/** Two rules, one after the other. */
record BothRules(TrainingRule first, TrainingRule second) implements TrainingRule {

  @Override
  public Optional<ParameterGroup> groupOf(String name, Trainable tensor, ParameterGroup usual) {
    return first.groupOf(name, tensor, usual).flatMap(group -> second.groupOf(name, tensor, group));
  }

  @Override
  public StepListener listener(List<Rewrite> layers) {
    return StepListener.all(List.of(first.listener(layers), second.listener(layers)));
  }

  @Override
  public String toString() {
    return first + " and " + second;
  }
}
