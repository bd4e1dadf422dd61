package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Scope;

/**
 * A tensor of an adapter: a trainable fp32 master copy, or a buffer that is saved but not trained.
 *
 * @see TunerLayer#trainable
 */
public final class Trainable implements AutoCloseable {

  private final String key;
  private final NDArray value;
  private final Kind kind;

  /** How a tensor is trained and saved. */
  enum Kind {
    /** Trained and saved in the adapter file. */
    TRAINED,
    /** Saved in the adapter file, not trained. */
    BUFFER,
    /** Trained and saved, a view of another tensor's memory with a gradient of its own. */
    TRAINED_VIEW,
    /** Trained, and saved in peft4j's own file because Hugging Face PEFT's file lacks it. */
    TRAINED_BESIDE,
    /** Trained and in no file of the adapter: only training needs it. Checkpoints hold it. */
    TRAINED_UNSAVED,
    /** Saved in peft4j's own file, not trained. */
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

  /** Creates a tensor that is saved but not trained. */
  public static Trainable buffer(String key, NDArray value) {
    return new Trainable(key, value, Kind.BUFFER);
  }

  /** The name after the site's name in the adapter file, such as {@code lora_A.weight}. */
  public String key() {
    return key;
  }

  /** The tensor. */
  public NDArray value() {
    return value;
  }

  /** Whether it is saved with the adapter but never trained. */
  public boolean isBuffer() {
    return kind == Kind.BUFFER || kind == Kind.BUFFER_BESIDE;
  }

  /**
   * Whether it shares another tensor's memory, so that the two have to be updated one after the
   * other.
   */
  public boolean isView() {
    return kind == Kind.TRAINED_VIEW;
  }

  /** Whether it is saved in peft4j's own file because Hugging Face PEFT's file lacks it. */
  public boolean isBeside() {
    return kind == Kind.TRAINED_BESIDE || kind == Kind.BUFFER_BESIDE;
  }

  /** Whether a file of the adapter holds it. If not, checkpoints of a training still do. */
  public boolean isSaved() {
    return kind != Kind.TRAINED_UNSAVED;
  }

  /** Whether it needs a gradient. */
  boolean trains() {
    return !isBuffer() && value.hasGradient();
  }

  /** Number of elements. */
  public long size() {
    return value.getShape().size();
  }

  /**
   * Freezes or unfreezes the tensor: a frozen one accumulates no gradient, and a buffer never does.
   */
  public void freeze(boolean frozen) {
    if (!isBuffer()) {
      value.setRequiresGradient(!frozen);
    }
  }

  /** Sets the accumulated gradient to zero. */
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
