package io.github.peft4j.methods.randlora;

import io.github.peft4j.tuner.SharedBuffer;

/**
 * The {@link RandomBases} of an adapter, on all devices of the model.
 *
 * @param a A (r, 1, shorter)
 * @param b B (longer, N, r)
 */
record SharedBases(SharedBuffer a, SharedBuffer b) implements AutoCloseable {

  /** The bases on the device of a module. */
  RandomBases at(String module) {
    return new RandomBases(a.at(module), b.at(module));
  }

  @Override
  public void close() {
    a.close();
    b.close();
  }
}
