package io.github.peft4j.transformer.checkpoint.quantized;

import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.kernel.TensorLoader;
import io.github.peft4j.quantization.FrozenMatrix;
import io.github.peft4j.quantization.bitsandbytes.Int8;
import io.github.peft4j.quantization.bitsandbytes.Int8Matrix;
import java.util.Set;

/**
 * A matrix of eight bits by bitsandbytes: {@code weight} (out, in), and {@code SCB} (out), the
 * largest number of each row, which 127 stands for.
 */
final class EightBitParts implements StoredMatrix {

  /** The end of the name of the rows' largest numbers. */
  static final String SCALES = ".SCB";

  private final String module;
  private final Parts parts;
  private final long out;
  private final long in;

  /** Checks the parts of a module, whose {@code SCB} is there. */
  EightBitParts(String module, Parts parts) {
    this.module = module;
    this.parts = parts;
    TensorInfo codes = parts.required(module + ".weight", Set.of(DType.I8));
    if (codes.shape().length != 2 || codes.elementCount() == 0) {
      throw parts.wrong(codes, "two dimensions above 0");
    }
    this.out = codes.shape()[0];
    this.in = codes.shape()[1];
    parts.required(module + SCALES, Set.of(DType.F32), out);
    requireRows(module + ".weight_format");
  }

  /** Older versions laid codes out for some GPUs. */
  private void requireRows(String name) {
    if (parts.has(name)) {
      TensorInfo info = parts.required(name, Set.of(DType.U8));
      long[] found = parts.source().longs(name);
      if (found.length != 1 || found[0] != 0) {
        throw parts.wrong(info, "a single 0, for codes row by row");
      }
    }
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
    return DType.F16;
  }

  @Override
  public FrozenMatrix load(TensorLoader loader, boolean transposed) {
    return Int8Matrix.of(
        Int8.BY_ROW,
        parts.load(loader, module + ".weight"),
        parts.load(loader, module + SCALES),
        transposed,
        loader.precision());
  }
}
