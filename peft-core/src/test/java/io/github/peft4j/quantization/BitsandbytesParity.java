package io.github.peft4j.quantization;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.TensorLoader;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.quantization.bitsandbytes.FourBit;
import io.github.peft4j.quantization.bitsandbytes.FourBitMatrix;
import io.github.peft4j.quantization.bitsandbytes.FourBitMatrix.Stored;
import io.github.peft4j.quantization.bitsandbytes.Fp4;
import io.github.peft4j.quantization.bitsandbytes.Int8;
import io.github.peft4j.quantization.bitsandbytes.Int8Matrix;
import io.github.peft4j.quantization.bitsandbytes.NestedStatistics;
import io.github.peft4j.quantization.bitsandbytes.Nf4;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;

/**
 * What bitsandbytes stores, beside what we store. The files are {@code nf4.safetensors}, {@code
 * nf4-double.safetensors} and the same of {@code fp4}. Each holds cases such as {@code odd.bf16}:
 * the matrix {@code .x}, and {@code .packed}, {@code .absmax}, {@code .dequantized}, {@code .code},
 * and {@code .absmax2}, {@code .code2}, {@code .offset} of double quantisation.
 */
final class BitsandbytesParity {

  private static final int BLOCK = 64;

  private final Tally tally;
  private final Safetensors file;
  private final NDManager manager;

  private BitsandbytesParity(Tally tally, Safetensors file, NDManager manager) {
    this.tally = tally;
    this.file = file;
    this.manager = manager;
  }

  /** Compares all cases of all files in a folder. */
  static void check(Path folder, Tally tally) {
    Map<String, FourBit> formats =
        Map.of(
            "nf4", Nf4.plain(),
            "nf4-double", Nf4.doubleQuantized(),
            "fp4", Fp4.plain(),
            "fp4-double", Fp4.doubleQuantized());
    formats.forEach(
        (name, format) -> {
          Path path = folder.resolve(name + ".safetensors");
          if (!Files.exists(path)) {
            tally.add(name, "there is no " + path);
            return;
          }
          try (Safetensors file = Safetensors.open(path);
              NDManager manager = Tensors.newManager(Device.cpu())) {
            BitsandbytesParity parity = new BitsandbytesParity(tally, file, manager);
            for (String tensor : file.names()) {
              if (tensor.endsWith(".x")) {
                parity.compare(name + " ", tensor.substring(0, tensor.length() - 1), format);
              }
            }
          }
        });
  }

  /** Compares all cases of {@code int8.safetensors}: {@code .x}, {@code .CB} and {@code .SCB}. */
  static void checkInt8(Path folder, Tally tally) {
    try (Safetensors file = Safetensors.open(folder.resolve("int8.safetensors"));
        NDManager manager = Tensors.newManager(Device.cpu())) {
      BitsandbytesParity parity = new BitsandbytesParity(tally, file, manager);
      for (String tensor : file.names()) {
        if (tensor.endsWith(".x")) {
          parity.compareInt8(tensor.substring(0, tensor.length() - 1));
        }
      }
    }
  }

  private void compareInt8(String name) {
    Precision stored = precision(file.info(name + "x"));
    try (Scope scope = new Scope();
        TensorLoader loader = new TensorLoader(manager, stored)) {
      try (NDArray x = loader.load(file, name + "x");
          Int8Matrix matrix = Int8.BY_ROW.store(x, false, Precision.FLOAT32)) {
        tally.same(name + "CB", bytes(matrix.numbers()), bytes(name + "CB"));
        tally.same(name + "SCB", Tensors.floats(matrix.largest()), file.floats(name + "SCB"));
        tally.same(
            name + "dequantized",
            Tensors.floats(matrix.dense()),
            file.floats(name + "dequantized"));
      }
    }
  }

  private static Precision precision(TensorInfo info) {
    return switch (info.dtype()) {
      case F32 -> Precision.FLOAT32;
      case BF16 -> Precision.BFLOAT16;
      case F16 -> Precision.FLOAT16;
      default -> throw new IllegalArgumentException("unexpected " + info);
    };
  }

  private void compare(String label, String name, FourBit format) {
    Precision precision = precision(file.info(name + "x"));
    String what = label + name;
    try (Scope scope = new Scope();
        TensorLoader loader = new TensorLoader(manager, precision)) {
      NDArray x = loader.load(file, name + "x");
      try (FourBitMatrix matrix = format.store(x, false, precision)) {
        Stored stored = matrix.stored();
        tally.same(what + "packed", bytes(stored.packed()), bytes(name + "packed"));
        float[] absmax;
        NestedStatistics nested = stored.nested();
        if (nested == null) {
          absmax = file.floats(name + "absmax");
          tally.same(what + "absmax", Tensors.floats(stored.absmax()), absmax);
        } else {
          tally.same(what + "absmax", bytes(stored.absmax()), bytes(name + "absmax"));
          tally.same(
              what + "absmax2", Tensors.floats(nested.absmax()), file.floats(name + "absmax2"));
          tally.same(what + "code2", Tensors.floats(nested.map()), file.floats(name + "code2"));
          tally.same(
              what + "offset", Tensors.floats(nested.offset()), file.floats(name + "offset"));
          absmax = absmaxOfCodes(name);
        }
        compareDense(what + "dequantized", name, matrix, absmax);
      }
      x.close();
    }
  }

  /**
   * On a processor with AVX-512, bitsandbytes takes the blocks of each row to begin at the row. It
   * quantised other blocks if the length of a row is no multiple of 64, so its numbers are wrong
   * then. We compare them with what it computes, and ours with what the blocks say.
   */
  private void compareDense(String what, String name, FourBitMatrix matrix, float... absmax) {
    float[] found = Tensors.floats(matrix.dense());
    float[] expected = file.floats(name + "dequantized");
    String difference = Tally.difference(found, expected);
    long columns = matrix.shape().get(1);
    if (difference != null && columns % BLOCK != 0) {
      DType type = file.info(name + "dequantized").dtype();
      if (Tally.difference(dense(name, type, true, columns, absmax), expected) == null) {
        difference = Tally.difference(found, dense(name, type, false, columns, absmax));
        tally.remark(
            what
                + ": bitsandbytes reads wrong blocks here, since its code for AVX-512 expects rows"
                + " of whole blocks; compared with the blocks that it quantised");
      }
    }
    tally.add(what, difference);
  }

  /** The numbers of the codes, with the blocks counted from each row or over all rows. */
  private float[] dense(String name, DType type, boolean fromRows, long columns, float... absmax) {
    byte[] packed = bytes(name + "packed");
    float[] code = file.floats(name + "code");
    float[] dense = new float[packed.length * 2];
    for (int i = 0; i < dense.length; i++) {
      int number = i % 2 == 0 ? packed[i / 2] >> 4 & 15 : packed[i / 2] & 15;
      long row = i / columns;
      long block = fromRows ? row * (columns / BLOCK) + i % columns / BLOCK : i / BLOCK;
      dense[i] = rounded(code[number] * absmax[(int) block], type);
    }
    return dense;
  }

  private float[] absmaxOfCodes(String name) {
    byte[] codes = bytes(name + "absmax");
    float[] map = file.floats(name + "code2");
    float[] most = file.floats(name + "absmax2");
    float offset = file.floats(name + "offset")[0];
    float[] absmax = new float[codes.length];
    for (int i = 0; i < absmax.length; i++) {
      float product = map[Byte.toUnsignedInt(codes[i])] * most[i / 256];
      absmax[i] = product + offset;
    }
    return absmax;
  }

  private static float rounded(float value, DType type) {
    if (type != DType.BF16) {
      return value;
    }
    int bits = Float.floatToRawIntBits(value);
    return Float.intBitsToFloat(bits + 0x7fff + (bits >> 16 & 1) & 0xffff0000);
  }

  private byte[] bytes(String name) {
    ByteBuffer all =
        ByteBuffer.allocate(
            (int) (file.info(name).elementCount() * file.info(name).dtype().bytes()));
    file.read(name, all::put);
    return all.array();
  }

  private static byte[] bytes(NDArray array) {
    return Objects.requireNonNull(array.toByteArray());
  }
}
