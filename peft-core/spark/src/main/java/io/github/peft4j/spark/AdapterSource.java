package io.github.peft4j.spark;

import io.github.peft4j.PeftModel;
import java.io.Serializable;

/** Adds the adapter that is trained. It runs on executors, so it is serialised. */
@FunctionalInterface
public interface AdapterSource extends Serializable {

  /** Adds an adapter to the model, or loads one, and makes it the active one. */
  void adapt(PeftModel model);
}
