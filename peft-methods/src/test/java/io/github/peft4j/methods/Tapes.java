package io.github.peft4j.methods;

import ai.djl.Device;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.kernel.host.HostMemory;
import java.util.function.LongFunction;

/** The ways in which a tape runs a model. All give the same gradients. */
enum Tapes implements LongFunction<Tape.Recording> {
  KEPT(Tape::recording),
  RECOMPUTED(Tape::recomputing),
  /** Inputs of layers are moved, from the CPU to the CPU. */
  MOVED(seed -> Tape.sparing(seed, new HostMemory(Device.cpu()), Integer.MAX_VALUE)),
  /** Feed-forward networks are computed for three positions at a time, or for one of each row. */
  DIVIDED(seed -> Tape.sparing(seed, new HostMemory(Device.cpu()), 3));

  private final LongFunction<Tape.Recording> tapes;

  Tapes(LongFunction<Tape.Recording> tapes) {
    this.tapes = tapes;
  }

  @Override
  public Tape.Recording apply(long seed) {
    return tapes.apply(seed);
  }
}
