package io.github.peft4j.spark;

import io.github.peft4j.train.FineTuner;
import java.io.Serializable;

/** Sets how an adapter is trained. It runs on executors, so it is serialised. */
@FunctionalInterface
public interface Tuning extends Serializable {

  /**
   * Sets epochs, batch size, learning rate and so on. Data, group, progress bar and the folder of
   * checkpoints are set already.
   */
  void set(FineTuner tuner);
}
