package io.github.peft4j.io.safetensors;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileRegion;
import io.github.peft4j.io.NoSuchTensorException;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/** The tensors of a file of {@link SparseWriter}, with their zeros. */
public final class SparseTensors implements TensorSource {

  /** The size of the buffers that are passed on, in bytes. */
  private static final int CHUNK = 1 << 20;

  private final Safetensors file;
  private final Map<String, TensorInfo> tensors;

  private SparseTensors(Safetensors file, Map<String, TensorInfo> tensors) {
    this.file = file;
    this.tensors = tensors;
  }

  /**
   * Opens a file.
   *
   * @throws SafetensorsException if the file is malformed
   * @throws java.io.UncheckedIOException if it cannot be read
   */
  public static SparseTensors open(Path path) {
    Safetensors file = Safetensors.open(path);
    try {
      return new SparseTensors(file, tensors(file));
    } catch (RuntimeException e) {
      file.close();
      throw e;
    }
  }

  private static Map<String, TensorInfo> tensors(Safetensors file) {
    Map<String, TensorInfo> tensors = new LinkedHashMap<>();
    file.names().forEach(name -> tensors.put(name, file.info(name)));
    for (Map.Entry<String, JsonElement> entry : shapes(file).entrySet()) {
      String name = entry.getKey();
      TensorInfo values = tensors.remove(name + SparseWriter.VALUES);
      TensorInfo kept = tensors.remove(name + SparseWriter.KEPT);
      if (values == null || kept == null) {
        throw malformed(file, name, "one of its two tensors is missing");
      }
      TensorInfo whole;
      try {
        whole = new TensorInfo(name, values.dtype(), shape(entry.getValue()));
      } catch (IllegalArgumentException
          | IllegalStateException
          | UnsupportedOperationException e) { // Gson's of null
        throw malformed(file, name, "its shape is " + entry.getValue());
      }
      boolean fits =
          whole.elementCount() <= Integer.MAX_VALUE
              && kept.dtype() == DType.U8
              && kept.elementCount() == SparseWriter.bitBytes(whole)
              && values.elementCount() <= whole.elementCount();
      if (!fits || tensors.put(name, whole) != null) {
        throw malformed(file, name, "shape, values and bits do not fit each other");
      }
    }
    return Collections.unmodifiableMap(tensors);
  }

  private static JsonObject shapes(Safetensors file) {
    String shapes = file.metadata().get(SparseWriter.SHAPES);
    try {
      if (shapes != null) {
        return JsonParser.parseString(shapes).getAsJsonObject();
      }
    } catch (JsonParseException | IllegalStateException e) {
      throw new SafetensorsException(
          file + ": the metadata 'shapes' is " + shapes + "; expected an object of shapes");
    }
    throw new SafetensorsException(
        file + ": the metadata 'shapes' is missing; expected a file that peft4j wrote");
  }

  private static long[] shape(JsonElement json) {
    return json.getAsJsonArray().asList().stream().mapToLong(JsonElement::getAsLong).toArray();
  }

  private static SafetensorsException malformed(Safetensors file, String name, String what) {
    return new SafetensorsException(file + ": tensor " + name + " is damaged: " + what);
  }

  @Override
  public Set<String> names() {
    return tensors.keySet();
  }

  @Override
  public TensorInfo info(String name) {
    TensorInfo info = tensors.get(name);
    if (info == null) {
      throw new NoSuchTensorException(this, name, names());
    }
    return info;
  }

  private boolean isSparse(String name) {
    return !file.names().contains(name);
  }

  @Override
  public void read(String name, Consumer<ByteBuffer> sink) {
    TensorInfo info = info(name);
    if (!isSparse(name)) {
      file.read(name, sink);
      return;
    }
    BitSet kept = bits(name);
    String values = name + SparseWriter.VALUES;
    boolean fits =
        kept.cardinality() == file.info(values).elementCount()
            && kept.length() <= info.elementCount();
    if (!fits) {
      throw malformed(
          file,
          name,
          "%d bits are set, the last one at %d, for %d values of %d elements"
              .formatted(
                  kept.cardinality(),
                  kept.length() - 1,
                  file.info(values).elementCount(),
                  info.elementCount()));
    }
    Expansion expansion = new Expansion(info, kept, sink);
    file.read(values, expansion::accept);
    expansion.end();
  }

  private BitSet bits(String name) {
    ByteBuffer bits = ByteBuffer.allocate(SparseWriter.bitBytes(info(name)));
    file.read(name + SparseWriter.KEPT, bits::put);
    return BitSet.valueOf(bits.flip());
  }

  /** Passes on values with the zeros between them. */
  private static final class Expansion {

    private final int width;
    private final int count;
    private final BitSet kept;
    private final Consumer<ByteBuffer> sink;
    private final ByteBuffer chunk;
    private int place;

    Expansion(TensorInfo info, BitSet kept, Consumer<ByteBuffer> sink) {
      this.width = info.dtype().bytes();
      this.count = (int) info.elementCount();
      this.kept = kept;
      this.sink = sink;
      this.chunk = ByteBuffer.allocate(CHUNK);
    }

    void accept(ByteBuffer values) {
      for (int at = values.position(); at < values.limit(); at += width) {
        zerosUntil(kept.nextSetBit(place));
        next().put(values.slice(at, width));
        place++;
      }
    }

    void end() {
      zerosUntil(count);
      pass();
    }

    private void zerosUntil(int end) {
      for (; place < end; place++) {
        ByteBuffer room = next();
        for (int i = 0; i < width; i++) {
          room.put((byte) 0);
        }
      }
    }

    /** The buffer, with room for an element. */
    private ByteBuffer next() {
      if (chunk.remaining() < width) {
        pass();
      }
      return chunk;
    }

    private void pass() {
      if (chunk.position() > 0) {
        chunk.flip();
        sink.accept(chunk.asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN));
        chunk.clear();
      }
    }
  }

  /** None for tensors with zeros that the file leaves out. */
  @Override
  public Optional<FileRegion> region(String name) {
    info(name);
    return isSparse(name) ? Optional.empty() : file.region(name);
  }

  @Override
  public void close() {
    file.close();
  }

  @Override
  public String toString() {
    return file.toString();
  }
}
