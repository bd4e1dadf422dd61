package io.github.peft4j.transformer.checkpoint.quantized;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.TensorLoader;
import io.github.peft4j.quantization.FrozenMatrix;
import io.github.peft4j.quantization.groups.GroupMatrix;
import io.github.peft4j.quantization.groups.Groups;
import io.github.peft4j.quantization.groups.Packing;
import io.github.peft4j.transformer.config.QuantizedWeights;
import io.github.peft4j.transformer.config.QuantizedWeights.Format;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A matrix of GPTQ or AWQ: {@code qweight}, {@code qzeros} and {@code scales}, and in GPTQ {@code
 * g_idx}, the group of each input.
 */
final class GroupedMatrix implements StoredMatrix {

  /** In front of the names of the parts. */
  private final String module;

  private final Parts parts;
  private final Packing packing;
  private final Groups groups;
  private final boolean oneLess;
  private final long out;
  private final long in;
  private final DType type;

  /** The group of each input; null if they are neighbours. */
  private final int @Nullable [] order;

  /** Checks the parts of a module, whose {@code qweight} is there. */
  GroupedMatrix(String module, Parts parts, QuantizedWeights weights) {
    this.module = module + ".";
    this.parts = parts;
    boolean gptq = weights.format() == Format.GPTQ;
    this.packing = gptq ? Packing.GPTQ : Packing.AWQ;
    this.oneLess = weights.hasZerosLessOne();
    int bits = weights.bits();
    int packed = Integer.SIZE / bits;
    TensorInfo codes = parts.required(this.module + "qweight", Set.of(DType.I32));
    if (codes.shape().length != 2 || codes.elementCount() == 0) {
      throw parts.wrong(codes, "two dimensions above 0");
    }
    long rows = codes.shape()[0];
    long columns = codes.shape()[1];
    this.in = gptq ? Math.multiplyExact(rows, (long) packed) : rows;
    this.out = gptq ? columns : Math.multiplyExact(columns, (long) packed);
    if (out % packed != 0 || in % 2 != 0 || in > Integer.MAX_VALUE) {
      throw parts.wrong(
          codes, "a number of outputs that " + packed + " divides, and an even one of inputs");
    }
    long size = weights.groupSize(in);
    long count = (in + size - 1) / size;
    TensorInfo scales =
        parts.required(
            this.module + "scales", Set.of(DType.F16, DType.BF16, DType.F32), count, out);
    this.type = scales.dtype();
    parts.required(this.module + "qzeros", Set.of(DType.I32), count, out / packed);
    this.order = gptq && parts.has(this.module + "g_idx") ? order(size, count) : null;
    if (order == null && in % size != 0) {
      throw parts.error(
          "has " + in + " inputs in groups of " + size + " (group_size), which do not divide them");
    }
    this.groups = new Groups(bits, Math.toIntExact(size));
  }

  private int @Nullable [] order(long size, long count) {
    String name = module + "g_idx";
    parts.required(name, Set.of(DType.I32), in);
    long[] found = parts.source().longs(name);
    boolean neighbours = in % size == 0;
    for (int i = 0; i < found.length; i++) {
      if (found[i] < 0 || found[i] >= count) {
        throw parts.error(
            "has the group %d of input %d in %s; expected one from 0 to %d"
                .formatted(found[i], i, name, count - 1));
      }
      neighbours &= found[i] == i / size;
    }
    return neighbours ? null : IntStream.range(0, found.length).map(i -> (int) found[i]).toArray();
  }

  @Override
  public long out() {
    return out;
  }

  @Override
  public long in() {
    return in;
  }

  @Override
  public DType type() {
    return type;
  }

  @Override
  public FrozenMatrix load(TensorLoader loader, boolean transposed) {
    try (Scope scope = new Scope(); // the matrix keeps its arrays
        NDArray qweight = parts.bytes(loader, module + "qweight");
        NDArray qzeros = parts.bytes(loader, module + "qzeros");
        NDArray scales = parts.load(loader, module + "scales")) {
      return GroupMatrix.of(
          groups,
          packing.codes(qweight, groups.bits(), out),
          Packing.scales(scales),
          packing.zeros(qzeros, groups.bits(), scales.getShape().get(0), oneLess),
          order == null ? null : loader.manager().create(order, new Shape(order.length)),
          transposed,
          loader.precision());
    }
  }
}
