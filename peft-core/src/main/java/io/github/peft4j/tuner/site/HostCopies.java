package io.github.peft4j.tuner.site;

import ai.djl.ndarray.NDArray;

/** Copies of tensors between a device and the host. */
public interface HostCopies {

  /** A copy on the host, which the caller closes. */
  NDArray put(NDArray onDevice);

  /** A copy on the device, in the innermost scope. */
  NDArray get(NDArray onHost);
}
