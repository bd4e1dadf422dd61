package io.github.peft4j.methods.common.prompt;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Trainable;

/**
 * Virtual tokens that a trainable encoder computes. Hugging Face PEFT's file holds only the result,
 * which is enough to use the adapter. To continue training, peft4j also stores the encoder.
 */
public final class EncodedPrompt {

  /** Computes the virtual tokens from its embedding. */
  @FunctionalInterface
  public interface Encoder {

    /**
     * Computes the virtual tokens.
     *
     * @param embedding (n, d)
     * @param training whether dropout is on
     * @return (n, D)
     */
    NDArray encode(NDArray embedding, boolean training);
  }

  private final Trainable embedding;
  private final Encoder encoder;
  private final Trainable result;
  private boolean known = true;

  /**
   * Creates a prompt.
   *
   * @param embedding the encoder's input (n, d)
   * @param result buffer for the encoder's output (n, D), as read from a file
   */
  public EncodedPrompt(Trainable embedding, Encoder encoder, Trainable result) {
    this.embedding = embedding;
    this.encoder = encoder;
    this.result = result;
  }

  /**
   * The tokens (n, D).
   *
   * @param training whether the tokens are being trained
   * @throws IllegalStateException if they are being trained and the file had no encoder
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
