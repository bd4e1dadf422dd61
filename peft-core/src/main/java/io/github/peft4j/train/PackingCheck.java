package io.github.peft4j.train;

import io.github.peft4j.AdapterTraining;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.transformer.config.Task;
import java.util.Set;

/** Refuses what would be wrong if a row held several examples. */
final class PackingCheck {

  private static final Set<Task.Type> TASKS =
      Set.of(Task.Type.CAUSAL_LM, Task.Type.TOKEN_CLS, Task.Type.MASKED_LM);

  private PackingCheck() {}

  /**
   * Checks a training with packing.
   *
   * @throws IllegalArgumentException if something reads a row as one example; the message names it
   */
  static void require(AdapterTraining training, Objective objective) {
    Task.Type task = training.base().task().type();
    if (!TASKS.contains(task)) {
      throw refused("a model for " + task + " has one result for a row, or reads it as a whole");
    }
    if (training.active().composition().isByRow()) {
      throw refused("the active adapters differ from row to row");
    }
    if (objective.perLabel().isEmpty()) {
      throw refused("objective " + objective + " is not a sum over labels and may read rows");
    }
    training.base().requirePackable(training.active());
  }

  private static IllegalArgumentException refused(String reason) {
    return new IllegalArgumentException(
        "packing puts several examples into a row, but " + reason + ": train without packing");
  }
}
