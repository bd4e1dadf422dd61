package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;

/** The adapters of a forward pass, as a site sees them. */
public interface Adapters {

  /**
   * What a site computes with them.
   *
   * @param site asks, and is known by its identity
   * @param base what the frozen model computes there
   * @return {@code base} itself if no adapter rewrites the site
   */
  <I, O> Computation<I, O> computation(Object site, Computation<I, O> base);

  /**
   * The tensor that a pass computes with in place of a frozen one.
   *
   * @param parameter the tensor's site, which is known by its identity
   * @param frozen the tensor of the frozen model
   * @return {@code frozen} itself if no adapter is merged into it
   */
  NDArray weight(Object parameter, NDArray frozen);
}
