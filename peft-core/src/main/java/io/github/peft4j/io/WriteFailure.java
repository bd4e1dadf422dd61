package io.github.peft4j.io;

import java.io.IOException;

/** Carries a write failure through a consumer, to keep it apart from exceptions of reading. */
final class WriteFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private final transient IOException io;

  WriteFailure(IOException io) {
    super(io);
    this.io = io;
  }

  IOException io() {
    return io;
  }
}
