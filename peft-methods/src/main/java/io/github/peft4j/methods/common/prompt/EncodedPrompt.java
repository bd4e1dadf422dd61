package io.github.peft4j.methods.common.prompt;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Trainable;

/**
 * Virtual tokens that a trained encoder computes. Hugging Face PEFT's file holds the result alone,
 * which is enough to use them; training goes on with the encoder, which peft4j stores beside.
 */
public final class EncodedPrompt {

  /** Makes virtual tokens of what it reads. */
  @FunctionalInterface
  public interface Encoder {

    /**
     * Encodes.
     *
     * @param embedding (n, d)
     * @param training whether dropout is on
     */
    NDArray encode(NDArray embedding, boolean training);
  }

  private final Trainable embedding;
  private final Encoder encoder;
  private final Trainable result;
  private boolean known = true;

  /**
   * Describes the tokens.
   *
   * @param embedding what the encoder reads (n, d)
   * @param result the buffer of what it makes (n, D), as it was read from a file
   */
  public EncodedPrompt(Trainable embedding, Encoder encoder, Trainable result) {
    this.embedding = embedding;
    this.encoder = encoder;
    this.result = result;
  }

  /**
   * The tokens (n, D).
   *
   * @param training whether they are to be trained
   * @throws IllegalStateException if they are, and the encoder is unknown
   */
  public NDArray value(boolean training) {
    if (known) {
      return encoder.encode(embedding.value(), training);
    }
    if (training) {
      throw new IllegalStateException(
          "this adapter cannot be trained on: its folder holds the prompt but not the encoder that"
              + " made it, as Hugging Face PEFT leaves it out; take a folder that peft4j saved"
              + " (it has peft4j_training.safetensors), or start a new adapter");
    }
    return result.value();
  }

  /** See {@link io.github.peft4j.tuner.TunerLayer#stored}. */
  public NDArray stored(Trainable tensor) {
    return tensor == result ? value(false) : tensor.value();
  }

  /** See {@link io.github.peft4j.tuner.TunerLayer#loaded}. */
  public void loaded(boolean all) {
    known = all;
  }
}
