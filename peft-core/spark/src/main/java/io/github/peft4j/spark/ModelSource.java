package io.github.peft4j.spark;

import io.github.peft4j.Peft;
import java.io.Serializable;

/** Says how an executor loads a model. It runs on executors, so it is serialised. */
@FunctionalInterface
public interface ModelSource extends Serializable {

  /**
   * Starts loading the model, with its task, precision and so on. The device is set afterwards.
   *
   * @param folder the model's place on this host; what was given to {@link SparkModel#of} if that
   *     is no URI
   * @return the settings with which the model is loaded
   */
  Peft.Loader loader(String folder);
}
