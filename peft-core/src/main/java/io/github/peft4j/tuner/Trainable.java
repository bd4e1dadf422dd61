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
  private final Kind kind;

  /** What becomes of a tensor. */
  enum Kind {
    /** Trained, and in the adapter file. */
    TRAINED,
    /** Only stored. */
    BUFFER,
    /** Trained on another tensor's memory, with a gradient of its own, and in the adapter file. */
    TRAINED_VIEW,
    /** Trained, but not in Hugging Face PEFT's file: kept in one of our own beside it. */
    TRAINED_BESIDE,
    /** Only stored, and in our own file beside Hugging Face PEFT's. */
    BUFFER_BESIDE
  }

  Trainable(String key, NDArray value, Kind kind) {
    this.key = key;
    this.value = Scope.release(value);
    this.kind = kind;
    if (!isBuffer()) {
      value.setRequiresGradient(true);
    }
  }

  /** A tensor that is only stored. */
  public static Trainable buffer(String key, NDArray value) {
    return new Trainable(key, value, Kind.BUFFER);
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
    return kind == Kind.BUFFER || kind == Kind.BUFFER_BESIDE;
  }

  /** Whether it shares another's memory, so that both are to be updated one after the other. */
  public boolean isView() {
    return kind == Kind.TRAINED_VIEW;
  }

  /** Whether Hugging Face PEFT's file leaves it out, so that it is stored beside. */
  public boolean isBeside() {
    return kind == Kind.TRAINED_BESIDE || kind == Kind.BUFFER_BESIDE;
  }

  /** Whether a gradient is wanted. */
  boolean trains() {
    return !isBuffer() && value.hasGradient();
  }

  /** Number of elements. */
  public long size() {
    return value.getShape().size();
  }

  /** Stops or resumes the collection of gradients; a buffer never collects any. */
  public void freeze(boolean frozen) {
    if (!isBuffer()) {
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
