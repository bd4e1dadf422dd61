package io.github.peft4j.data.format;

/** Bytes in memory. */
final class HeldContent extends Content {

  private final byte[] bytes;

  HeldContent(byte[] bytes) {
    this.bytes = bytes;
  }

  @Override
  long size() {
    return bytes.length;
  }

  @Override
  void read(long position, byte[] into, int length) {
    System.arraycopy(bytes, (int) position, into, 0, length);
  }

  @Override
  boolean held() {
    return true;
  }
}
