package io.github.peft4j.methods.lora;

import io.github.peft4j.adapter.layout.PeftLayout;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileRegion;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.methods.lora.factors.Factors;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.ParameterSite.Part;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * The tensors of an adapter that was trained with transformers 4, where each map of each expert was
 * a module: as PEFT converts them. A tensor that holds L maps of E experts gets A [E L r, in], the
 * maps' A one below the other, and B [out, L r E], in which each map's B has rows and columns of
 * its own.
 */
final class SingleExperts implements TensorSource {

  private record Stacked(TensorInfo info, Supplier<float[]> values) {}

  private final TensorSource file;
  private final Set<String> left;
  private final Map<String, Stacked> stacked = new LinkedHashMap<>();

  private SingleExperts(TensorSource file) {
    this.file = file;
    this.left = new LinkedHashSet<>(file.names());
  }

  /**
   * The tensors of a file under the names of today.
   *
   * @param tensors of the model
   */
  static TensorSource over(TensorSource file, List<ParameterSite> tensors) {
    List<ParameterSite> old =
        tensors.stream()
            .filter(tensor -> !tensor.parts().isEmpty())
            .filter(tensor -> file.names().contains(name(tensor.parts().get(0), Factors.A)))
            .toList();
    if (old.isEmpty()) {
      return file;
    }
    SingleExperts source = new SingleExperts(file);
    for (ParameterSite tensor : old) {
      boolean inner =
          old.stream()
              .skip(old.indexOf(tensor) + 1L)
              .anyMatch(other -> other.module().equals(tensor.module()));
      source.stack(tensor, PeftLayout.PREFIX + tensor.module() + (inner ? ".base_layer." : "."));
    }
    return source;
  }

  /** The name of a factor of an expert's map. */
  private static String name(Part part, String factor) {
    String module = part.name().substring(0, part.name().lastIndexOf('.'));
    return PeftLayout.PREFIX + module + "." + factor;
  }

  private void stack(ParameterSite tensor, String prefix) {
    List<Part> parts = tensor.parts();
    long[] a = shape(parts, Factors.A); // (r, in)
    long[] b = shape(parts, Factors.B); // (o, r)
    int experts = Math.toIntExact(tensor.shape().dimension() == 3 ? tensor.shape().get(0) : 1);
    int maps = parts.size() / experts;
    add(prefix + Factors.A, parts.size() * a[0], a[1], () -> as(parts));
    add(prefix + Factors.B, maps * b[0], parts.size() * b[1], () -> bs(parts, experts, b));
  }

  private long[] shape(List<Part> parts, String factor) {
    long[] shape = file.info(name(parts.get(0), factor)).shape();
    for (Part part : parts) {
      String name = name(part, factor);
      left.remove(name);
      long[] own = file.info(name).shape();
      if (own.length != 2 || !Arrays.equals(own, shape)) {
        throw new IllegalArgumentException(
            "tensor "
                + name
                + " is "
                + Arrays.toString(own)
                + "; expected the shape of all experts' tensors of this kind, [rows, columns], as "
                + Arrays.toString(shape)
                + " of "
                + name(parts.get(0), factor));
      }
    }
    return shape;
  }

  private void add(String name, long rows, long columns, Supplier<float[]> values) {
    stacked.put(
        name, new Stacked(new TensorInfo(name, DType.F32, new long[] {rows, columns}), values));
  }

  private float[] as(List<Part> parts) {
    float[][] all =
        parts.stream().map(part -> file.floats(name(part, Factors.A))).toArray(float[][]::new);
    float[] stacked = new float[all.length * all[0].length];
    for (int i = 0; i < all.length; i++) {
      System.arraycopy(all[i], 0, stacked, i * all[0].length, all[0].length);
    }
    return stacked;
  }

  private float[] bs(List<Part> parts, int experts, long[] shape) {
    int out = (int) shape[0];
    int r = (int) shape[1];
    int maps = parts.size() / experts;
    int columns = maps * r * experts;
    float[] stacked = new float[maps * out * columns];
    for (int i = 0; i < parts.size(); i++) {
      float[] b = file.floats(name(parts.get(i), Factors.B));
      int expert = i / maps;
      int map = i % maps;
      for (int row = 0; row < out; row++) {
        for (int rank = 0; rank < r; rank++) {
          int column = (map * r + rank) * experts + expert;
          stacked[(map * out + row) * columns + column] = b[row * r + rank];
        }
      }
    }
    return stacked;
  }

  @Override
  public Set<String> names() {
    Set<String> names = new LinkedHashSet<>(left);
    names.addAll(stacked.keySet());
    return names;
  }

  @Override
  public TensorInfo info(String name) {
    Stacked made = stacked.get(name);
    return made == null ? file.info(name) : made.info();
  }

  @Override
  public void read(String name, Consumer<ByteBuffer> sink) {
    Stacked made = stacked.get(name);
    if (made == null) {
      file.read(name, sink);
      return;
    }
    float[] values = made.values().get();
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    sink.accept(bytes);
  }

  @Override
  public Optional<FileRegion> region(String name) {
    return stacked.containsKey(name) ? Optional.empty() : file.region(name);
  }

  @Override
  public void close() {
    file.close();
  }
}
