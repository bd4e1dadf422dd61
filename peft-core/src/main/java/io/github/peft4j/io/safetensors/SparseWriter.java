package io.github.peft4j.io.safetensors;

import com.google.gson.Gson;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileGroup;
import io.github.peft4j.io.TensorData;
import io.github.peft4j.io.TensorInfo;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Writes weights of which many are zero, without the zeros: {@code model.sparse.safetensors}. A
 * tensor W becomes two, or stays as it is if that is smaller:
 *
 * <ul>
 *   <li>{@code W.values} [k], the elements whose bytes are not all zero, in W's type;
 *   <li>{@code W.kept} [⌈n / 8⌉], a bit for each of the n elements, row-major, the lowest of each
 *       byte first.
 * </ul>
 *
 * <p>The metadata {@code shapes} has the shapes of these tensors as JSON. {@link SparseTensors}
 * reads the file.
 */
public final class SparseWriter implements WeightsWriter {

  /** The file's name in a model's folder. */
  public static final String FILE = "model.sparse.safetensors";

  static final String VALUES = ".values";
  static final String KEPT = ".kept";
  static final String SHAPES = "shapes";

  private final Map<TensorInfo, TensorData> tensors = new LinkedHashMap<>();

  @Override
  public void add(TensorInfo info, TensorData data) {
    tensors.put(info, data);
  }

  @Override
  public Set<String> writeTo(FileGroup files) {
    SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
    Map<String, long[]> shapes = new LinkedHashMap<>();
    tensors.forEach(
        (info, data) -> {
          BitSet kept = info.elementCount() > Integer.MAX_VALUE ? null : kept(info, data);
          if (kept == null || bytes(info, kept) >= info.byteCount()) {
            writer.add(info, data);
          } else {
            shapes.put(info.name(), info.shape());
            add(writer, info, data, kept);
          }
        });
    writer.metadata(SHAPES, new Gson().toJson(shapes));
    files.write(FILE, writer.content());
    return Set.of(FILE);
  }

  private static long bytes(TensorInfo info, BitSet kept) {
    return bitBytes(info) + (long) kept.cardinality() * info.dtype().bytes();
  }

  static int bitBytes(TensorInfo info) {
    return (int) ((info.elementCount() + 7) / 8);
  }

  private static void add(SafetensorsWriter writer, TensorInfo info, TensorData data, BitSet kept) {
    byte[] bits = Arrays.copyOf(kept.toByteArray(), bitBytes(info));
    writer.add(
        new TensorInfo(info.name() + KEPT, DType.U8, new long[] {bits.length}),
        sink -> sink.accept(ByteBuffer.wrap(bits).asReadOnlyBuffer()));
    writer.add(
        new TensorInfo(info.name() + VALUES, info.dtype(), new long[] {kept.cardinality()}),
        sink -> each(info, data, null, sink));
  }

  /** The elements whose bytes are not all zero. */
  private static BitSet kept(TensorInfo info, TensorData data) {
    BitSet kept = new BitSet();
    each(info, data, kept, bytes -> {});
    return kept;
  }

  /**
   * Goes through the elements that are kept.
   *
   * @param kept gets their places, or null
   * @param sink gets their bytes
   */
  private static void each(
      TensorInfo info, TensorData data, @Nullable BitSet kept, Consumer<ByteBuffer> sink) {
    int width = info.dtype().bytes();
    int[] place = {0};
    data.read(
        bytes -> {
          ByteBuffer chosen = ByteBuffer.allocate(bytes.remaining());
          for (int at = bytes.position(); at < bytes.limit(); at += width) {
            if (!isZero(bytes, at, width)) {
              if (kept != null) {
                kept.set(place[0]);
              }
              chosen.put(bytes.slice(at, width));
            }
            place[0]++;
          }
          sink.accept(chosen.flip());
        });
  }

  private static boolean isZero(ByteBuffer bytes, int at, int width) {
    for (int i = 0; i < width; i++) {
      if (bytes.get(at + i) != 0) {
        return false;
      }
    }
    return true;
  }
}
