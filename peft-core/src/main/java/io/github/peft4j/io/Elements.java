package io.github.peft4j.io;

import static io.github.peft4j.io.HalfPrecision.bfloat16ToFloat;
import static io.github.peft4j.io.HalfPrecision.float16ToFloat;

import java.nio.ByteBuffer;
import java.util.function.Consumer;

/** Decodes little-endian bytes into Java arrays. */
final class Elements {
  private Elements() {}

  static float[] floats(TensorInfo info, Consumer<Consumer<ByteBuffer>> bytes) {
    if (!info.dtype().isFloating()) {
      throw new IllegalArgumentException(info + " holds integers: read it with longs()");
    }
    float[] out = new float[arrayLength(info)];
    int[] next = {0};
    bytes.accept(
        slice -> {
          int n = slice.remaining() / info.dtype().bytes();
          switch (info.dtype()) {
            case F32 -> slice.asFloatBuffer().get(out, next[0], n);
            case F64 -> each(n, i -> out[next[0] + i] = (float) slice.getDouble());
            case F16 -> each(n, i -> out[next[0] + i] = float16ToFloat(slice.getShort()));
            case BF16 -> each(n, i -> out[next[0] + i] = bfloat16ToFloat(slice.getShort()));
            default -> throw new AssertionError(info);
          }
          next[0] += n;
        });
    return out;
  }

  static long[] longs(TensorInfo info, Consumer<Consumer<ByteBuffer>> bytes) {
    if (info.dtype().isFloating()) {
      throw new IllegalArgumentException(info + " holds no integers: read it with floats()");
    }
    long[] out = new long[arrayLength(info)];
    int[] next = {0};
    bytes.accept(
        slice -> {
          int n = slice.remaining() / info.dtype().bytes();
          switch (info.dtype()) {
            case I64 -> slice.asLongBuffer().get(out, next[0], n);
            case I32 -> each(n, i -> out[next[0] + i] = slice.getInt());
            case I16 -> each(n, i -> out[next[0] + i] = slice.getShort());
            case I8 -> each(n, i -> out[next[0] + i] = slice.get());
            case U8 -> each(n, i -> out[next[0] + i] = Byte.toUnsignedLong(slice.get()));
            case BOOL -> each(n, i -> out[next[0] + i] = slice.get() == 0 ? 0 : 1);
            default -> throw new AssertionError(info);
          }
          next[0] += n;
        });
    return out;
  }

  private static int arrayLength(TensorInfo info) {
    if (info.elementCount() > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(
          info + " has more elements than a Java array can hold: use read() or region()");
    }
    return (int) info.elementCount();
  }

  private interface Step {
    void at(int index);
  }

  private static void each(int n, Step step) {
    for (int i = 0; i < n; i++) {
      step.at(i);
    }
  }
}
