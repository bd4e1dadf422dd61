package io.github.peft4j.transformer.rope;

import ai.djl.ndarray.NDArray;

/**
 * The cosines and sines of a pass's positions, each (T, r), or (B, 1, T, r) if positions differ
 * between rows.
 *
 * @param isSigned whether the first half of the sines has the other sign
 */
public record Rotation(NDArray cosine, NDArray sine, boolean isSigned) {

  public Rotation(NDArray cosine, NDArray sine) {
    this(cosine, sine, false);
  }

  /** Frees both. */
  public void close() {
    cosine.close();
    sine.close();
  }
}
