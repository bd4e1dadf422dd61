package io.github.peft4j.spark;

import io.github.peft4j.generate.GenerationConfig;
import java.io.Serializable;

/** Makes the settings of a generation. It runs on executors, so it is serialised. */
@FunctionalInterface
public interface GenerationSource extends Serializable {

  /** The settings. */
  GenerationConfig settings();
}
