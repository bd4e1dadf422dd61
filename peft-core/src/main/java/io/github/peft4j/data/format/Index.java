package io.github.peft4j.data.format;

import java.util.Arrays;

/** Where each row of a file starts, how many bytes it has, and on which line it starts. */
final class Index {

  private long[] starts = new long[64];
  private int[] lengths = new int[64];
  private int[] lines = new int[64];
  private int size;

  void add(long start, int length, int line) {
    if (size == starts.length) {
      int more = size + (size >> 1);
      starts = Arrays.copyOf(starts, more);
      lengths = Arrays.copyOf(lengths, more);
      lines = Arrays.copyOf(lines, more);
    }
    starts[size] = start;
    lengths[size] = length;
    lines[size++] = line;
  }

  int size() {
    return size;
  }

  int line(int row) {
    return lines[row];
  }

  byte[] read(Content content, int row) {
    return content.read(starts[row], lengths[row]);
  }
}
