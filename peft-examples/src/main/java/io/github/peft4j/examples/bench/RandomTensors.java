package io.github.peft4j.examples.bench;

import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileRegion;
import io.github.peft4j.io.NoSuchTensorException;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * Random weights, created on demand: matrices with a standard deviation of 0.02, as transformers
 * initialises them, zeros for biases, and ones for other vectors, which are norms.
 */
final class RandomTensors implements TensorSource {

  private static final int BLOCK = 1 << 20;
  private static final float HALF_WIDTH = (float) (0.02 * Math.sqrt(3));

  private final Map<String, TensorInfo> tensors = new LinkedHashMap<>();

  void add(String name, long... shape) {
    tensors.put(name, new TensorInfo(name, DType.F32, shape));
  }

  @Override
  public Set<String> names() {
    return tensors.keySet();
  }

  @Override
  public TensorInfo info(String name) {
    TensorInfo info = tensors.get(name);
    if (info == null) {
      throw new NoSuchTensorException("random tensors", name, names());
    }
    return info;
  }

  @Override
  public float[] floats(String name) {
    TensorInfo info = info(name);
    float[] values = new float[Math.toIntExact(info.elementCount())];
    if (info.shape().length == 1) {
      Arrays.fill(values, name.endsWith(".bias") ? 0 : 1);
      return values;
    }
    // Each block has its own numbers, so that all cores draw them.
    IntStream.rangeClosed(0, values.length / BLOCK)
        .parallel()
        .forEach(
            block -> fill(values, block * BLOCK, new SplittableRandom(name.hashCode() + block)));
    return values;
  }

  private static void fill(float[] values, int start, SplittableRandom random) {
    int end = (int) Math.min(values.length, (long) start + BLOCK);
    for (int i = start; i < end; i++) {
      // Uniform numbers are much faster to draw than normal ones, and as good for a measurement.
      values[i] = HALF_WIDTH * (random.nextInt() * 0x1p-31f);
    }
  }

  @Override
  public void read(String name, Consumer<ByteBuffer> sink) {
    float[] values = floats(name);
    for (int start = 0; start < values.length; start += BLOCK) {
      int count = Math.min(BLOCK, values.length - start);
      ByteBuffer buffer = ByteBuffer.allocate(count * 4).order(ByteOrder.LITTLE_ENDIAN);
      buffer.asFloatBuffer().put(values, start, count);
      sink.accept(buffer.asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN));
    }
  }

  @Override
  public Optional<FileRegion> region(String name) {
    return Optional.empty();
  }

  @Override
  public void close() {}

  @Override
  public String toString() {
    return "random weights";
  }
}
