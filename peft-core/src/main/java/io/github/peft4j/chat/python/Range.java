package io.github.peft4j.chat.python;

import java.util.AbstractList;
import java.util.List;

/**
 * Python's {@code range}, of 100,000 numbers at most, as in Jinja's sandbox.
 *
 * @param start the first number
 * @param stop the end, which is not in it
 * @param step from one number to the next, not 0
 */
public record Range(long start, long stop, long step) {

  private static final int MOST = 100_000;

  /** Checks the step and the length. */
  public Range {
    if (step == 0) {
      throw new PythonException("range() arg 3 must not be zero");
    }
    double length = Math.ceil(((double) stop - (double) start) / step);
    if (length > MOST) {
      throw new PythonException(
          "range() of %.0f numbers; at most %,d are allowed".formatted(length, MOST));
    }
  }

  /** How many numbers there are. */
  public int size() {
    return (int) Math.max(0, Math.ceil(((double) stop - (double) start) / step));
  }

  /** The numbers. */
  public List<Object> items() {
    return new AbstractList<>() {
      @Override
      public Object get(int index) {
        return start + index * step;
      }

      @Override
      public int size() {
        return Range.this.size();
      }
    };
  }
}
