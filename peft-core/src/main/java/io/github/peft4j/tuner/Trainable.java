package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Scope;

/**
 * A tensor of an adapter: an fp32 master copy that is trained, or a buffer that is only stored.
 *
 * @see TunerLayer#trainable
 */
public final class Trainable implements AutoCloseable {

  private final String key;
  private final NDArray value;
  private final boolean buffer;

  Trainable(String key, NDArray value, boolean buffer) {
    this.key = key;
    this.value = Scope.release(value);
    this.buffer = buffer;
    if (!buffer) {
      value.setRequiresGradient(true);
    }
  }

  /** The name below the site's, as in the adapter file: {@code lora_A.weight}. */
  public String key() {
    return key;
  }

  /** The tensor. */
  public NDArray value() {
    return value;
  }

  /** Whether it is stored with the adapter but never trained. */
  public boolean isBuffer() {
    return buffer;
  }

  /** Whether a gradient is wanted. */
  boolean trains() {
    return !buffer && value.hasGradient();
  }

  /** Number of elements. */
  public long size() {
    return value.getShape().size();
  }

  /** Stops or resumes the collection of gradients. */
  void freeze(boolean frozen) {
    if (!buffer) {
      value.setRequiresGradient(!frozen);
    }
  }

  /** Sets the collected gradient to zero. */
  public void clearGradient() {
    Autograd.clearGradient(value);
  }

  @Override
  public void close() {
    value.close();
  }

  @Override
  public String toString() {
    return key + " " + value.getShape();
  }
}
