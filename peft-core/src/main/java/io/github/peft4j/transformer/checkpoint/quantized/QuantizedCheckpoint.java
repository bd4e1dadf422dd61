package io.github.peft4j.transformer.checkpoint.quantized;

import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileRegion;
import io.github.peft4j.io.NoSuchTensorException;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.kernel.TensorLoader;
import io.github.peft4j.quantization.FrozenMatrix;
import io.github.peft4j.quantization.QuantizedTensors;
import io.github.peft4j.transformer.config.QuantizedWeights;
import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * The tensors of a checkpoint whose weights are quantised. A file stores a matrix in several parts.
 * Readers see one tensor, which has the name of the weight. The shapes and types of all parts are
 * checked at the start. A size is never taken from the settings alone: the file has to have it.
 */
public final class QuantizedCheckpoint implements QuantizedTensors {

  private static final String WEIGHT = ".weight";
  private static final Set<DType> INTEGERS = Set.of(DType.U8, DType.I8, DType.I32);

  private final TensorSource source;
  private final QuantizedWeights weights;
  private final Map<String, StoredMatrix> matrices = new LinkedHashMap<>();
  private final Set<String> names;

  /**
   * Checks the matrices of a checkpoint.
   *
   * @param source of the parts, under today's names. It stays open
   * @param weights what config.json says about them
   * @throws IllegalArgumentException if parts of a matrix are missing, or do not fit together
   */
  public QuantizedCheckpoint(TensorSource source, QuantizedWeights weights) {
    this.source = source;
    this.weights = weights;
    Set<String> parts = new LinkedHashSet<>();
    source.names().forEach(name -> find(name, parts));
    Set<String> plain = new LinkedHashSet<>(source.names());
    plain.removeAll(parts);
    plain.removeAll(matrices.keySet());
    plain.forEach(this::requirePlain);
    plain.addAll(matrices.keySet());
    this.names = Collections.unmodifiableSet(plain);
  }

  /** Adds the matrix that a tensor with this name is the sign of. */
  private void find(String name, Set<String> found) {
    switch (weights.format()) {
      case BITSANDBYTES_4BIT -> {
        int state = name.lastIndexOf(FourBitParts.STATE);
        if (state > 0) {
          String weight = name.substring(0, state);
          Parts parts = parts(weight);
          String type = name.substring(state + FourBitParts.STATE.length());
          add(weight, new FourBitParts(weight, type, parts), parts, found);
        }
      }
      case BITSANDBYTES_8BIT -> {
        if (name.endsWith(EightBitParts.SCALES)) {
          String module = name.substring(0, name.length() - EightBitParts.SCALES.length());
          Parts parts = parts(module + WEIGHT);
          add(module + WEIGHT, new EightBitParts(module, parts), parts, found);
        }
      }
      case GPTQ, AWQ -> {
        if (name.endsWith(".qweight")) {
          String module = name.substring(0, name.lastIndexOf('.'));
          Parts parts = parts(module + WEIGHT);
          add(module + WEIGHT, new GroupedMatrix(module, parts, weights), parts, found);
        }
      }
    }
  }

  private Parts parts(String weight) {
    return new Parts(source, weight, weights.named());
  }

  private void add(String weight, StoredMatrix matrix, Parts parts, Set<String> found) {
    if (matrices.putIfAbsent(weight, matrix) != null) {
      throw parts.error("is there twice");
    }
    found.addAll(parts.used());
  }

  /** A tensor that is no part of a matrix may not hold codes, or scale what the model computes. */
  private void requirePlain(String name) {
    TensorInfo info = source.info(name);
    if (name.endsWith(WEIGHT) && INTEGERS.contains(info.dtype())) {
      throw parts(name).error("has whole numbers in " + info + ", but no scales beside them");
    }
    if (weights.format() == QuantizedWeights.Format.AWQ && name.endsWith(".scales")) {
      throw parts(name)
          .error("is an activation with scales of AWQ, which is not supported in this family");
    }
  }

  @Override
  public boolean isQuantized(String name) {
    return matrices.containsKey(name);
  }

  @Override
  public FrozenMatrix matrix(String name, boolean transposed, TensorLoader loader) {
    return stored(name).load(loader, transposed);
  }

  private StoredMatrix stored(String name) {
    StoredMatrix stored = matrices.get(name);
    if (stored == null) {
      throw new NoSuchTensorException(source, name, matrices.keySet());
    }
    return stored;
  }

  @Override
  public Set<String> names() {
    return names;
  }

  @Override
  public TensorInfo info(String name) {
    if (!isQuantized(name)) {
      return source.info(requireName(name));
    }
    StoredMatrix matrix = stored(name);
    return new TensorInfo(name, matrix.type(), new long[] {matrix.out(), matrix.in()});
  }

  private String requireName(String name) {
    if (!names.contains(name)) {
      throw new NoSuchTensorException(source, name, names);
    }
    return name;
  }

  @Override
  public void read(String name, Consumer<ByteBuffer> sink) {
    if (isQuantized(name)) {
      throw new IllegalStateException(source + ": " + name + " is a matrix in fewer bits");
    }
    source.read(requireName(name), sink);
  }

  @Override
  public Optional<FileRegion> region(String name) {
    return isQuantized(name) ? Optional.empty() : source.region(requireName(name));
  }

  @Override
  public void close() {
    source.close();
  }

  @Override
  public String toString() {
    return source.toString();
  }
}
