package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.transformer.pass.Pass;

/** What is added to the attention scores of all layers of a stack, by positions. */
public abstract class ScoreBias extends NamedBlock {

  /** Creates a bias. */
  protected ScoreBias(String name) {
    super(name);
  }

  /**
   * Computes the bias of the pass's T queries for all P positions up to the last one, and adds the
   * mask of keys: (B or 1, H, T or 1, P).
   *
   * @param x the first hidden state (B, T, D)
   * @param mask the bias that masks the last S keys (B or 1, 1, T or 1, S)
   */
  abstract NDArray forward(NDArray x, NDArray mask, Pass pass);
}
