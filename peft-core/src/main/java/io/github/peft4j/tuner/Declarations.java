package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;

/**
 * Declares tensors of a {@link TunerLayer}. A layer passes this object to its parts, such as a pair
 * of factors or an encoder, which declare their own tensors with it.
 */
public final class Declarations {

  private final TunerLayer<?, ?> layer;

  Declarations(TunerLayer<?, ?> layer) {
    this.layer = layer;
  }

  /** See {@link TunerLayer#trainable}. */
  public Trainable trainable(String key, NDArray initial) {
    return layer.trainable(key, initial);
  }

  /** See {@link TunerLayer#view}. */
  public Trainable view(String key, NDArray view) {
    return layer.view(key, view);
  }

  /** See {@link TunerLayer#buffer}. */
  public Trainable buffer(String key, NDArray value) {
    return layer.buffer(key, value);
  }

  /** See {@link TunerLayer#beside}. */
  public Trainable beside(String key, NDArray initial) {
    return layer.beside(key, initial);
  }

  /** See {@link TunerLayer#bufferBeside}. */
  public Trainable bufferBeside(String key, NDArray value) {
    return layer.bufferBeside(key, value);
  }

  /** See {@link TunerLayer#reads}. */
  public SharedTensor reads(SharedTensor value) {
    return layer.reads(value);
  }
}
