package io.github.peft4j.train.step;

import ai.djl.Device;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.kernel.host.HostMemory;
import java.util.function.LongFunction;

/**
 * What a training does with the activations, the intermediate results of the layers, until the
 * backward pass reads them.
 */
public enum Activations {
  /** They stay in the device's memory. The fastest; the default. */
  KEPT,
  /**
   * Only the input of each layer stays. The layer runs again in the backward pass (activation
   * checkpointing), which is about a third more computation.
   */
  RECOMPUTED,
  /**
   * As {@link #RECOMPUTED}, but the inputs of layers wait in the host's memory, and feed-forward
   * networks are computed for 4096 tokens at a time. For texts of tens of thousands of tokens. On
   * the CPU, where there is nothing to move, only the latter differs.
   *
   * <p>If a batch has more tokens than that, dropout in feed-forward networks draws other numbers
   * than in the other modes.
   */
  ON_HOST;

  /** Enough for a GPU's matrix products. */
  private static final int POSITIONS = 4096;

  /** Whether a batch's passes can be a CUDA graph: nothing is moved meanwhile. */
  boolean areRecordable() {
    return this != ON_HOST;
  }

  /** Tapes of this mode, by the seed of a batch. */
  LongFunction<Tape.Recording> tapes(Device device) {
    return switch (this) {
      case KEPT -> Tape::recording;
      case RECOMPUTED -> Tape::recomputing;
      case ON_HOST ->
          seed -> Tape.sparing(seed, device.isGpu() ? new HostMemory(device) : null, POSITIONS);
    };
  }
}
