package io.github.peft4j.io.gguf;

import io.github.peft4j.io.HalfPrecision;
import io.github.peft4j.io.TensorInfo;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.Consumer;

/** Turns floating-point numbers into another type while they pass: a few thousand at a time. */
final class Encoding implements Consumer<ByteBuffer> {

  /** Elements that are encoded at once: whole blocks of all types. */
  private static final int CHUNK = 1 << 16;

  private final TensorInfo info;
  private final GgufType type;
  private final Consumer<ByteBuffer> sink;
  private final float[] values;
  private final byte[] blocks;
  private int filled;

  Encoding(TensorInfo info, GgufType type, Consumer<ByteBuffer> sink) {
    this.info = info;
    this.type = type;
    this.sink = sink;
    long most = Math.min(CHUNK, info.elementCount());
    this.values = new float[(int) Math.max(type.blockElements(), most)];
    this.blocks = new byte[values.length / type.blockElements() * type.blockBytes()];
  }

  @Override
  public void accept(ByteBuffer numbers) {
    ByteBuffer in = numbers.order(ByteOrder.LITTLE_ENDIAN);
    while (in.remaining() >= info.dtype().bytes()) {
      int count = Math.min(values.length - filled, in.remaining() / info.dtype().bytes());
      fill(in, count);
      filled += count;
      if (filled == values.length) {
        flush();
      }
    }
  }

  private void fill(ByteBuffer in, int count) {
    int end = filled + count;
    switch (info.dtype()) {
      case F32 -> {
        in.asFloatBuffer().get(values, filled, count);
        in.position(in.position() + count * Float.BYTES);
      }
      case F16 -> {
        for (int i = filled; i < end; i++) {
          values[i] = HalfPrecision.float16ToFloat(in.getShort());
        }
      }
      case BF16 -> {
        for (int i = filled; i < end; i++) {
          values[i] = HalfPrecision.bfloat16ToFloat(in.getShort());
        }
      }
      case F64 -> {
        for (int i = filled; i < end; i++) {
          values[i] = (float) in.getDouble();
        }
      }
      default -> throw new AssertionError(info);
    }
  }

  /** Passes on what has come so far. A part of a block stays. */
  void flush() {
    int count = filled / type.blockElements();
    try {
      type.quantize(values, count, blocks);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("tensor %s: %s".formatted(info, e.getMessage()), e);
    }
    sink.accept(ByteBuffer.wrap(blocks, 0, count * type.blockBytes()));
    filled -= count * type.blockElements();
  }
}
