package io.github.peft4j.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A tensor has the same values whatever its type in the file, and wherever its bytes lie. */
class TensorLoaderTest {

  /** More than a slice of each type, so that slices are joined. */
  private static final int COUNT = 9_000_001;

  @TempDir Path folder;

  /** A value of three significant bits, which every type holds. */
  private static float value(int i) {
    return (i % 15 - 7) * 0.25f;
  }

  private static void put(ByteBuffer bytes, DType type, int i) {
    int bits = Float.floatToRawIntBits(value(i));
    switch (type) {
      case F64 -> bytes.putDouble(value(i));
      case F32 -> bytes.putFloat(value(i));
      case BF16 -> bytes.putShort((short) (bits >>> 16));
      default ->
          bytes.putShort(
              value(i) == 0
                  ? 0
                  : (short)
                      (((bits >>> 16) & 0x8000)
                          | ((((bits >>> 23) & 0xff) - 112) << 10)
                          | ((bits >>> 13) & 0x3ff)));
    }
  }

  private Path write(DType type, int count) {
    Path file = folder.resolve(type + ".safetensors");
    new SafetensorsWriter()
        .add(
            new TensorInfo("x", type, new long[] {count}),
            sink -> {
              ByteBuffer bytes =
                  ByteBuffer.allocate(count * type.bytes()).order(ByteOrder.LITTLE_ENDIAN);
              for (int i = 0; i < count; i++) {
                put(bytes, type, i);
              }
              sink.accept(bytes.flip());
            })
        .write(file);
    return file;
  }

  private static void assertLoads(Safetensors source, int count) {
    for (Precision precision : Precision.values()) {
      List<TensorInfo> told = new ArrayList<>();
      try (NDManager manager = Tensors.newManager(Device.cpu());
          TensorLoader loader = new TensorLoader(manager, precision, told::add);
          NDArray loaded = loader.load(source, "x")) {
        assertThat(loaded.getShape()).isEqualTo(new Shape(count));
        float[] found = Tensors.floats(loaded);
        for (int i = 0; i < count; i++) {
          if (found[i] != value(i)) {
            throw new AssertionError(precision + ": element " + i + " is " + found[i]);
          }
        }
        assertThat(told).containsExactly(source.info("x"));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F64", "F32", "F16", "BF16"})
  void everyTypeLoadsInEveryPrecision(DType type) throws IOException {
    Path file = write(type, 1000);
    try (Safetensors mapped = Safetensors.open(file)) {
      assertThat(mapped.region("x")).isPresent();
      assertLoads(mapped, 1000);
    }
    assertLoads(Safetensors.of("memory", ByteBuffer.wrap(Files.readAllBytes(file))), 1000);
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "BF16"})
  void slicesAreJoined(DType type) throws IOException {
    Safetensors memory =
        Safetensors.of("memory", ByteBuffer.wrap(Files.readAllBytes(write(type, COUNT))));
    try (NDManager manager = Tensors.newManager(Device.cpu());
        TensorLoader loader = new TensorLoader(manager, Precision.FLOAT32);
        NDArray loaded = loader.load(memory, "x")) {
      float[] found = Tensors.floats(loaded);
      for (int i = 0; i < COUNT; i++) {
        if (found[i] != value(i)) {
          throw new AssertionError("element " + i + " is " + found[i]);
        }
      }
    }
  }

  /** The header's length decides where data begin; PyTorch cannot map floats at an odd address. */
  @Test
  void bytesThatAreNotAligned() throws IOException {
    byte[] file = Files.readAllBytes(write(DType.F32, 3));
    ByteBuffer whole = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    ByteBuffer odd = ByteBuffer.allocate(file.length + 1).order(ByteOrder.LITTLE_ENDIAN);
    int header = (int) whole.getLong();
    odd.putLong(header + 1).put(file, 8, header).put((byte) ' ').put(file, 8 + header, 12);
    Path path = folder.resolve("odd ünï.safetensors");
    Files.write(path, odd.array());
    try (Safetensors source = Safetensors.open(path)) {
      assertThat(source.region("x").orElseThrow().offset() % 4).isEqualTo(1);
      assertLoads(source, 3);
    }
  }

  @Test
  void aPathMayHaveEveryLetter() throws IOException {
    Path file = folder.resolve("größe \"x\" 模型.safetensors");
    Files.move(write(DType.F32, 5), file);
    try (Safetensors source = Safetensors.open(file)) {
      assertLoads(source, 5);
    }
  }

  @Test
  void nothingIsLoadedOfNothing() {
    try (Safetensors source = Safetensors.open(write(DType.BF16, 0))) {
      assertLoads(source, 0);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"U8", "I8", "I32", "I64", "F16", "BF16", "F32", "F64"})
  void tensorsLoadAsTheyAreStored(DType type) {
    Path file = folder.resolve("stored.safetensors");
    byte[] bytes = new byte[6 * type.bytes()];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (11 * i);
    }
    new SafetensorsWriter()
        .add(
            new TensorInfo("x", type, new long[] {2, 3}),
            sink -> sink.accept(ByteBuffer.wrap(bytes)))
        .write(file);
    assertStored(Safetensors.open(file), bytes);
    try {
      assertStored(Safetensors.of("memory", ByteBuffer.wrap(Files.readAllBytes(file))), bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void assertStored(Safetensors source, byte... bytes) {
    try (source;
        NDManager manager = Tensors.newManager(Device.cpu());
        TensorLoader loader = new TensorLoader(manager, Precision.FLOAT64);
        NDArray loaded = loader.loadStored(source, "x");
        NDArray flat = loader.loadBytes(source, "x")) {
      assertThat(loaded.getShape()).isEqualTo(new Shape(2, 3));
      assertThat(flat.toByteArray()).isEqualTo(bytes);
      float[] found = Tensors.floats(loaded); // DJL's own readers know few types
      if (source.info("x").dtype().isFloating()) {
        assertThat(found).isEqualTo(source.floats("x"));
      } else {
        long[] whole = source.longs("x");
        for (int i = 0; i < whole.length; i++) {
          assertThat(found[i]).isEqualTo((float) whole[i]);
        }
      }
    }
  }

  @Test
  void wholeNumbersAreRefused() {
    Path file = folder.resolve("ids.safetensors");
    new SafetensorsWriter()
        .add(
            new TensorInfo("ids", DType.I64, new long[] {1}),
            sink -> sink.accept(ByteBuffer.allocate(8)))
        .write(file);
    try (NDManager manager = Tensors.newManager(Device.cpu());
        TensorLoader loader = new TensorLoader(manager, Precision.FLOAT32);
        Safetensors source = Safetensors.open(file)) {
      long before = Tensors.live();
      assertThatThrownBy(() -> loader.load(source, "ids"))
          .hasMessageContaining("ids I64[1] holds whole numbers");
      assertThat(Tensors.live()).isEqualTo(before);
    }
  }
}
