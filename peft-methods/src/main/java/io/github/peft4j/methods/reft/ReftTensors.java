package io.github.peft4j.methods.reft;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Declarations;
import io.github.peft4j.tuner.SharedTensor;
import io.github.peft4j.tuner.Trainable;

/**
 * Declares the tensors of first or of last tokens. AdapterHub has both, whatever the config says:
 * those of no token are kept in the file and not trained.
 *
 * @param used whether a token is changed by them
 */
record ReftTensors(Declarations layer, boolean used) {

  /** A tensor that is trained if it is used. */
  Trainable trained(String key, NDArray initial) {
    return used ? layer.trainable(key, initial) : layer.buffer(key, initial);
  }

  /** A tensor that is never trained. */
  Trainable fixed(String key, NDArray initial) {
    return layer.buffer(key, initial);
  }

  /** A value that is computed once in a pass; of unused tensors, none is. */
  SharedTensor reads(SharedTensor value) {
    return used ? layer.reads(value) : value;
  }
}
