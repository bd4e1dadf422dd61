package io.github.peft4j.kernel.cuda;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * 64-bit words of native memory for the calls of one thread, so that a call allocates nothing. The
 * words that native functions write to are followed by the arguments of a launch, and by the
 * addresses of these, as cuLaunchKernel wants them.
 */
final class Words {

  /** The most arguments of a launch. */
  static final int ARGUMENTS = 32;

  private static final int RESULTS = 32;
  private static final ThreadLocal<Words> OF_THREAD = ThreadLocal.withInitial(Words::new);

  private final ByteBuffer memory =
      ByteBuffer.allocateDirect(8 * (RESULTS + 2 * ARGUMENTS)).order(ByteOrder.nativeOrder());
  private final long start = Pointer.nativeValue(Native.getDirectBufferPointer(memory));

  private Words() {
    for (int i = 0; i < ARGUMENTS; i++) {
      memory.putLong(8 * (RESULTS + ARGUMENTS + i), address(RESULTS + i));
    }
  }

  static Words ofThread() {
    return OF_THREAD.get();
  }

  /** The address of a word. */
  long address(int word) {
    return start + 8L * word;
  }

  long read(int word) {
    return memory.getLong(8 * word);
  }

  int readInt(int word) {
    return memory.getInt(8 * word);
  }

  /** Writes numbers to the words from one on; at most 32 in all. */
  void write(int word, long... values) {
    for (int i = 0; i < values.length; i++) {
      memory.putLong(8 * (word + i), values[i]);
    }
  }

  void argument(int index, long value) {
    memory.putLong(8 * (RESULTS + index), value);
  }

  /** The address of the arguments' addresses. */
  long arguments() {
    return address(RESULTS + ARGUMENTS);
  }

  /** The numbers at an address. */
  static long[] numbers(long address, int count) {
    return count == 0 ? new long[0] : new Pointer(address).getLongArray(0, count);
  }
}
