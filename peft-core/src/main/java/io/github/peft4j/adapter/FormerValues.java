package io.github.peft4j.adapter;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.quantization.FrozenMatrix;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.site.ParameterSite;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Keeps original weights in a temporary file until all weights are replaced. In memory they would
 * take as much space as a second model.
 */
final class FormerValues implements AutoCloseable {

  private static final int SLICE = 1 << 16;

  private final TransformerModel model;
  private final boolean wide;
  private final Path path;
  private final FileChannel file;
  private final List<Kept> kept = new ArrayList<>();

  /**
   * @param matrix the weight itself, if it is in fewer bits
   */
  private record Kept(
      ParameterSite parameter, long position, boolean changed, @Nullable FrozenMatrix matrix) {}

  FormerValues(TransformerModel model) {
    this.model = model;
    this.wide = model.precision() == Precision.FLOAT64;
    try {
      this.path = Files.createTempFile("peft4j-merge", ".weights");
      this.file =
          FileChannel.open(
              path,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              StandardOpenOption.DELETE_ON_CLOSE);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot keep the former weights in a temporary file", e);
    }
  }

  /** Keeps the current value of a weight. */
  void keep(ParameterSite parameter) {
    FrozenMatrix matrix = parameter.takeMatrix();
    if (matrix != null) {
      kept.add(new Kept(parameter, 0, parameter.hasChanged(), matrix));
      return;
    }
    try (Scope scope = new Scope()) { // frees the copy of a weight on the host
      long position = file.size();
      write(position, parameter.frozen());
      kept.add(new Kept(parameter, position, parameter.hasChanged(), null));
    } catch (IOException e) {
      throw new UncheckedIOException(
          "cannot keep the former weights in " + path + "; make room on the disk", e);
    }
  }

  private void write(long position, NDArray value) throws IOException {
    int width = wide ? Double.BYTES : Float.BYTES;
    int count = Math.toIntExact(value.size());
    double[] doubles = wide ? value.toDoubleArray() : new double[0];
    float[] floats = wide ? new float[0] : Tensors.floats(value);
    long at = position;
    for (int from = 0; from < count; from += SLICE) {
      int n = Math.min(SLICE, count - from);
      ByteBuffer bytes = ByteBuffer.allocate(width * n);
      if (wide) {
        bytes.asDoubleBuffer().put(doubles, from, n);
      } else {
        bytes.asFloatBuffer().put(floats, from, n);
      }
      while (bytes.hasRemaining()) {
        at += file.write(bytes, at);
      }
    }
  }

  /** Restores all weights that were kept. */
  void restore() {
    try {
      while (!kept.isEmpty()) {
        restore(kept.remove(0));
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read the former weights from " + path, e);
    }
  }

  private void restore(Kept each) throws IOException {
    FrozenMatrix matrix = each.matrix();
    if (matrix != null) {
      each.parameter().replace(matrix, each.changed());
      return;
    }
    int count = Math.toIntExact(each.parameter().shape().size());
    double[] doubles = new double[wide ? count : 0];
    float[] floats = new float[wide ? 0 : count];
    int width = wide ? Double.BYTES : Float.BYTES;
    for (int from = 0; from < count; from += SLICE) {
      int n = Math.min(SLICE, count - from);
      ByteBuffer bytes = ByteBuffer.allocate(width * n);
      long at = each.position() + (long) width * from;
      while (bytes.hasRemaining()) {
        int read = file.read(bytes, at + bytes.position());
        if (read < 0) {
          throw new IOException("the file ends at " + at);
        }
      }
      bytes.flip();
      if (wide) {
        bytes.asDoubleBuffer().get(doubles, from, n);
      } else {
        bytes.asFloatBuffer().get(floats, from, n);
      }
    }
    NDManager manager = model.homes().of(each.parameter().name()).manager();
    NDArray java =
        wide
            ? manager.create(doubles, each.parameter().shape())
            : manager.create(floats, each.parameter().shape());
    try (java) {
      NDArray value = Tensors.cast(java, model.precision());
      each.parameter()
          .replace(value == java ? java.duplicate() : value.duplicate(), each.changed());
      value.close();
    }
  }

  @Override
  public void close() {
    kept.stream().map(Kept::matrix).filter(Objects::nonNull).forEach(FrozenMatrix::close);
    try {
      file.close();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot delete " + path, e);
    }
  }
}
