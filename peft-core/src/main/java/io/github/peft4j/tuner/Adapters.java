package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;

/** The adapters of a forward pass, in the view of a site. */
public interface Adapters {

  /**
   * The computation of a site with these adapters.
   *
   * @param site the site, compared by identity
   * @param base the frozen model's computation there
   * @return {@code base} itself if no adapter rewrites the site
   */
  <I, O> Computation<I, O> computation(Object site, Computation<I, O> base);

  /**
   * The tensor that the pass uses for a frozen one.
   *
   * @param parameter the tensor's site, compared by identity
   * @param frozen the tensor of the frozen model
   * @return {@code frozen} itself if no adapter is merged into it
   */
  NDArray weight(Object parameter, NDArray frozen);
}
