package io.github.peft4j.train.preference;

import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.transformer.pass.LossTargets;
import java.util.List;

/** An objective of examples of two texts, a chosen one and a rejected one. A pair is a unit. */
interface PairObjective extends Objective {

  @Override
  default double units(int examples, LossTargets.Rows labels) {
    return examples;
  }

  @Override
  default boolean takes(int texts) {
    return texts == 2;
  }

  @Override
  default boolean isSumOfExamples() {
    return true;
  }

  @Override
  default List<String> measures() {
    return Pairs.MEASURES;
  }
}
