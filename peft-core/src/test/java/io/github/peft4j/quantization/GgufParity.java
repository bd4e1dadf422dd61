package io.github.peft4j.quantization;

import io.github.peft4j.io.gguf.GgufType;
import io.github.peft4j.io.safetensors.Safetensors;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What the gguf package of Python stores, beside what we store. The file is {@code
 * gguf.safetensors}. It holds cases such as {@code odd}: the matrix {@code odd.x}, and for each
 * type {@code odd.Q8_0.bytes} and {@code odd.Q8_0.dequantized}. Types that the package cannot write
 * have {@code odd.Q6_K.random_bytes} and {@code odd.Q6_K.random_dequantized}, where what is not
 * finite became 0.
 */
final class GgufParity {

  private static final String BYTES = ".bytes";
  private static final String RANDOM = ".random_bytes";

  private final Tally tally;
  private final Safetensors file;

  private GgufParity(Tally tally, Safetensors file) {
    this.tally = tally;
    this.file = file;
  }

  /** Compares all cases of the file in a folder. */
  static void check(Path folder, Tally tally) {
    Path path = folder.resolve("gguf.safetensors");
    if (!Files.exists(path)) {
      tally.add("gguf", "there is no " + path);
      return;
    }
    try (Safetensors file = Safetensors.open(path)) {
      GgufParity parity = new GgufParity(tally, file);
      for (String name : file.names()) {
        if (name.endsWith(BYTES)) {
          parity.compareWritten(name.substring(0, name.length() - BYTES.length()));
        } else if (name.endsWith(RANDOM)) {
          parity.compareRandom(name.substring(0, name.length() - RANDOM.length()));
        }
      }
    }
  }

  /** A case of a type, such as {@code odd.Q8_0}: both ways. */
  private void compareWritten(String name) {
    GgufType type = type(name);
    float[] x = file.floats(name.substring(0, name.lastIndexOf('.')) + ".x");
    byte[] expected = bytes(name + BYTES);
    byte[] found = new byte[expected.length];
    type.quantize(x, x.length / type.blockElements(), found);
    tally.same("gguf " + name + BYTES, found, expected);
    tally.same(
        "gguf " + name + ".dequantized",
        dequantized(type, expected),
        file.floats(name + ".dequantized"));
  }

  private void compareRandom(String name) {
    float[] values = dequantized(type(name), bytes(name + RANDOM));
    for (int i = 0; i < values.length; i++) {
      values[i] = Float.isFinite(values[i]) ? values[i] : 0;
    }
    tally.same(
        "gguf " + name + ".random_dequantized", values, file.floats(name + ".random_dequantized"));
  }

  private static GgufType type(String name) {
    return GgufType.valueOf(name.substring(name.lastIndexOf('.') + 1));
  }

  private static float[] dequantized(GgufType type, byte... blocks) {
    int count = blocks.length / type.blockBytes();
    float[] values = new float[count * type.blockElements()];
    type.dequantize(blocks, count, values);
    return values;
  }

  private byte[] bytes(String name) {
    ByteBuffer all = ByteBuffer.allocate((int) file.info(name).byteCount());
    file.read(name, all::put);
    return all.array();
  }
}
