package io.github.peft4j.transformer;

import io.github.peft4j.transformer.pass.LossTargets;

/**
 * A model with adapters, for generators, classifiers and evaluations. Each call determines its
 * adapters when it starts.
 */
public interface AdaptedModel {

  /** The frozen model. */
  TransformerModel base();

  /**
   * Starts a call. It computes with the same adapters until it is closed, even if adapters are
   * loaded, renamed, removed or merged meanwhile.
   *
   * @return the call, which the caller closes; any thread may close it
   * @throws IllegalArgumentException if an adapter no longer exists
   * @throws IllegalStateException if the model is closed
   */
  ModelCall newCall();

  /** The largest number of tokens of a text, see {@link TransformerModel#room}. */
  default long room() {
    try (ModelCall call = newCall()) {
      return call.room();
    }
  }

  /** The number of labels that count in the loss, see {@link TransformerModel#count}. */
  default long count(LossTargets targets) {
    try (ModelCall call = newCall()) {
      return call.count(targets);
    }
  }
}
