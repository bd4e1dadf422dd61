package io.github.peft4j.io.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileGroup;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Weights without zeros, written and read. */
class SparseWriterTest {

  @TempDir Path folder;

  private static byte[] bytes(DType type, int count, double kept, long seed) {
    Random random = new Random(seed);
    byte[] bytes = new byte[count * type.bytes()];
    for (int i = 0; i < count; i++) {
      if (random.nextDouble() < kept) {
        for (int j = 0; j < type.bytes(); j++) {
          bytes[i * type.bytes() + j] = (byte) (1 + random.nextInt(255));
        }
      }
    }
    return bytes;
  }

  private Path write(TensorInfo info, byte[] bytes) {
    SparseWriter writer = new SparseWriter();
    int half = bytes.length / info.dtype().bytes() / 2 * info.dtype().bytes();
    writer.add(
        info,
        sink -> {
          sink.accept(ByteBuffer.wrap(bytes, 0, half).asReadOnlyBuffer());
          sink.accept(ByteBuffer.wrap(bytes, half, bytes.length - half).asReadOnlyBuffer());
        });
    writer.add(new TensorInfo("dense", DType.F32, new long[] {2}), sink -> sink.accept(dense()));
    try (FileGroup files = new FileGroup(folder)) {
      assertThat(writer.writeTo(files)).containsExactly(SparseWriter.FILE);
      files.commit();
    }
    return folder.resolve(SparseWriter.FILE);
  }

  private static ByteBuffer dense() {
    return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putFloat(1.5f).putFloat(-2).flip();
  }

  private static byte[] read(TensorSource source, String name) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    source.read(
        name,
        buffer -> {
          byte[] some = new byte[buffer.remaining()];
          buffer.get(some);
          all.writeBytes(some);
        });
    return all.toByteArray();
  }

  /** 600,001 elements are several of the reader's buffers. */
  @ParameterizedTest
  @EnumSource(names = {"U8", "BF16", "F32", "I64"})
  void aTensorComesBackBitForBit(DType type) throws IOException {
    int count = 600_001;
    byte[] bytes = bytes(type, count, 0.1, 3);
    TensorInfo info = new TensorInfo("map.weight", type, new long[] {1, count});
    Path file = write(info, bytes);
    long values = (long) (0.1 * count * type.bytes());
    assertThat(Files.size(file)).isBetween(values, (long) (1.02 * (values + count / 8 + 500)));
    try (TensorSource source = SparseTensors.open(file)) {
      assertThat(source.names()).containsExactlyInAnyOrder("map.weight", "dense");
      assertThat(source.info("map.weight")).isEqualTo(info);
      assertThat(read(source, "map.weight")).isEqualTo(bytes);
      assertThat(source.region("map.weight")).isEmpty();
      assertThat(source.floats("dense")).containsExactly(1.5f, -2);
      assertThat(source.region("dense")).isPresent();
      assertThatThrownBy(() -> source.info("map.weight.kept")).hasMessageContaining("kept");
    }
  }

  /** Minus zero is not zero, and a tensor without zeros would be larger with bits. */
  @Test
  void onlyZerosThatAreZeroBitForBitAreLeftOut() {
    byte[] bytes = new byte[4 * 64];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putFloat(40, -0f).putFloat(80, Float.NaN);
    TensorInfo info = new TensorInfo("few", DType.F32, new long[] {8, 8});
    Path file = write(info, bytes);
    try (Safetensors raw = Safetensors.open(file);
        TensorSource source = SparseTensors.open(file)) {
      assertThat(raw.info("few.values").shape()).containsExactly(2);
      assertThat(raw.longs("few.kept")).containsExactly(0, 4, 16, 0, 0, 0, 0, 0);
      assertThat(raw.names()).contains("dense");
      assertThat(read(source, "few")).isEqualTo(bytes);
    }
  }

  @Test
  void aTensorOfZerosAlone() {
    TensorInfo info = new TensorInfo("none", DType.F32, new long[] {3, 5});
    try (TensorSource source = SparseTensors.open(write(info, new byte[60]))) {
      assertThat(source.floats("none")).hasSize(15).containsOnly(0);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"w\": [9]} | shape, values and bits do not fit",
        "{\"w\": [-4]} | its shape is [-4]",
        "{\"w\": \"4\"} | its shape is \"4\"",
        "{\"w\": [null]} | its shape is [null]",
        "{\"v\": [4]} | one of its two tensors is missing",
        "[4] | expected an object of shapes",
        "{\"w\": [4]} | 3 bits are set, the last one at 7, for 2 values of 4 elements"
      })
  void aDamagedFileIsNamed(String shapes, String message) {
    Path file = folder.resolve("damaged.safetensors");
    new SafetensorsWriter()
        .metadata("shapes", shapes)
        .add("w.values", new long[] {2}, 1, 2)
        .add(
            new TensorInfo("w.kept", DType.U8, new long[] {1}),
            sink -> sink.accept(ByteBuffer.wrap(new byte[] {(byte) 0b1000_0011})))
        .write(file);
    assertThatThrownBy(
            () -> {
              try (TensorSource source = SparseTensors.open(file)) {
                source.floats("w");
              }
            })
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("damaged.safetensors")
        .hasMessageContaining(message);
  }
}
