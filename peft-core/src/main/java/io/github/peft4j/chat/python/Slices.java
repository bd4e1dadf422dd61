package io.github.peft4j.chat.python;

import java.util.ArrayList;
import java.util.List;

/** Python's {@code value[start:stop:step]}. */
public final class Slices {

  private Slices() {}

  /** A part of a text, list, tuple or range. */
  public static Object slice(Object value, Object start, Object stop, Object step, Budget budget) {
    if (value instanceof Undefined undefined) {
      throw new PythonException(undefined.message());
    }
    String text = Sequences.text(value);
    List<Object> items = value instanceof View ? null : Sequences.items(value);
    if (text == null && items == null) {
      throw new PythonException("'" + Sequences.type(value) + "' object has no slices");
    }
    int by = step == None.NONE ? 1 : Numbers.index(step, "a slice's step");
    if (by == 0) {
      throw new PythonException("slice step cannot be zero");
    }
    int[] characters = text == null ? new int[0] : text.codePoints().toArray();
    int length = items == null ? characters.length : items.size();
    List<Integer> indices =
        indices(bound(start, length, by, true), bound(stop, length, by, false), by);
    budget.spend(indices.size());
    if (items == null) {
      StringBuilder part = new StringBuilder();
      indices.forEach(i -> part.appendCodePoint(characters[i]));
      return value instanceof Markup ? new Markup(part.toString()) : part.toString();
    }
    List<Object> part = new ArrayList<>(indices.size());
    indices.forEach(i -> part.add(items.get(i)));
    return value instanceof Tuple ? new Tuple(part) : part;
  }

  private static int bound(Object value, int length, int step, boolean isStart) {
    if (value == None.NONE) {
      return isStart ? (step > 0 ? 0 : length - 1) : step > 0 ? length : -1;
    }
    long index = Numbers.index(value, "a slice's bound");
    if (index < 0) {
      index += length;
    }
    long lowest = step > 0 ? 0 : -1;
    return (int) Math.max(lowest, Math.min(index, step > 0 ? length : length - 1));
  }

  private static List<Integer> indices(int start, int stop, int step) {
    List<Integer> indices = new ArrayList<>();
    for (long i = start; step > 0 ? i < stop : i > stop; i += step) {
      indices.add((int) i);
    }
    return indices;
  }
}
