package io.github.peft4j.transformer;

import io.github.peft4j.transformer.pass.LossTargets;

/**
 * A model and the adapters that it computes with: what generators, classifiers and evaluations
 * take. Which adapters those are is settled anew at the begin of each call.
 */
public interface AdaptedModel {

  /** The frozen model. */
  TransformerModel base();

  /**
   * Begins a call. The adapters that it computes with stay what they are until it is closed,
   * whatever is loaded, renamed, removed or merged meanwhile.
   *
   * @return the call, which the caller closes, on any thread
   * @throws IllegalArgumentException if an adapter is not there any more
   * @throws IllegalStateException if the model is closed
   */
  ModelCall newCall();

  /** How many tokens a text may have: {@link TransformerModel#room}. */
  default long room() {
    try (ModelCall call = newCall()) {
      return call.room();
    }
  }

  /** How many labels count in the loss: {@link TransformerModel#count}. */
  default long count(LossTargets targets) {
    try (ModelCall call = newCall()) {
      return call.count(targets);
    }
  }
}
