package io.github.peft4j.io.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorData;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.safetensors.Safetensors;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The files of {@link GgufFileTest}, written again. */
class GgufWriterTest {

  @TempDir Path folder;

  private GgufMetadata metadata() {
    return new GgufMetadata.Builder().string("general.architecture", "test").build();
  }

  @Test
  void aFileIsWrittenAgainByteForByte() throws IOException {
    Path whole = GgufFileTest.file("types.gguf");
    Path copy = folder.resolve("copy.gguf");
    try (GgufFile file = GgufFile.open(whole)) {
      new GgufWriter(file.metadata()).addAll(file).write(copy);
    }
    assertThat(copy).hasSameBinaryContentAs(whole);
    assertThat(folder).isDirectoryNotContaining(file -> !file.equals(copy));
  }

  @Test
  void metadataOfTheBuilderIsThatOfTheGgufPackage() throws IOException {
    try (GgufFile file = GgufFile.open(GgufFileTest.file("types.gguf"))) {
      Path copy = folder.resolve("copy.gguf");
      GgufMetadata metadata =
          file.metadata().toBuilder()
              .string("value.string", "naïve 🦙")
              .uint32("value.uint32", 4000000000L)
              .int32("value.int32", -2000000000)
              .float32("value.float32", 0.1f)
              .bool("value.bool", true)
              .strings("array.string", List.of("", "<s>", "▁naïve", "🦙"))
              .int32s("array.int32", Integer.MIN_VALUE, Integer.MAX_VALUE)
              .float32s("array.float32", 0.5f, -0.1f)
              .bools("array.bool", true, false, true)
              .build();
      new GgufWriter(metadata).addAll(file).write(copy);
      assertThat(copy).hasSameBinaryContentAs(GgufFileTest.file("types.gguf"));
      assertThat(metadata.toBuilder().remove("value.bool").build().contains("value.bool"))
          .isFalse();
      assertThat(new GgufMetadata.Builder().putAll(metadata).build()).hasToString(metadata + "");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"})
  void numbersAreQuantisedWhileTheyAreWritten(GgufType type) {
    Path path = folder.resolve("x.gguf");
    try (Safetensors source = Safetensors.open(GgufFileTest.file("expected.safetensors"));
        GgufFile expected = GgufFile.open(GgufFileTest.file("types.gguf"))) {
      new GgufWriter(metadata())
          .add(source.info("x"), "x", type, sink -> source.read("x", sink))
          .write(path);
      try (GgufFile written = GgufFile.open(path)) {
        assertThat(written.tensor("x").type()).isEqualTo(type);
        assertThat(GgufFileTest.bytes(sink -> written.readBlocks("x", sink)))
            .isEqualTo(GgufFileTest.bytes(sink -> expected.readBlocks("writable." + type, sink)));
      }
    }
  }

  /** Numbers in buffers of odd lengths, more of them than are encoded at once. */
  @ParameterizedTest
  @CsvSource({"F32, Q8_0", "F16, Q5_1", "BF16, Q4_0", "F64, BF16", "BF16, F32"})
  void numbersOfAllTypesPassInPieces(DType dtype, GgufType type) {
    TensorInfo info = new TensorInfo("x", dtype, new long[] {3, 40_000});
    int count = (int) info.elementCount();
    ByteBuffer all = ByteBuffer.allocate(count * dtype.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    float[] values = new float[count];
    Random random = new Random(5);
    for (int i = 0; i < count; i++) {
      values[i] = random.nextInt(256) / 16f - 8; // exact in all types
      switch (dtype) {
        case F32 -> all.putFloat(values[i]);
        case F64 -> all.putDouble(values[i]);
        case BF16 -> all.putShort((short) (Float.floatToIntBits(values[i]) >> 16));
        default -> all.putShort(half(values[i]));
      }
    }
    all.flip();
    TensorData pieces =
        sink -> {
          Random lengths = new Random(6);
          for (int at = 0; at < count; ) {
            int n = Math.min(count - at, 1 + lengths.nextInt(30_000));
            sink.accept(all.slice(at * dtype.bytes(), n * dtype.bytes()).asReadOnlyBuffer());
            at += n;
          }
        };
    Path path = folder.resolve("x.gguf");
    new GgufWriter(metadata()).add(info, "y", type, pieces).write(path);
    byte[] blocks = new byte[count / type.blockElements() * type.blockBytes()];
    type.quantize(values, count / type.blockElements(), blocks);
    try (GgufFile written = GgufFile.open(path)) {
      assertThat(GgufFileTest.bytes(sink -> written.readBlocks("y", sink))).isEqualTo(blocks);
    }
  }

  private static short half(float value) {
    byte[] bytes = new byte[2];
    GgufType.F16.quantize(new float[] {value}, 1, bytes);
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getShort();
  }

  @Test
  void theAlignmentIsThatOfTheMetadata() {
    Path path = folder.resolve("x.gguf");
    GgufMetadata metadata = new GgufMetadata.Builder().uint32("general.alignment", 4096).build();
    new GgufWriter(metadata)
        .add("a", GgufType.I8, new long[] {3}, sink -> sink.accept(ByteBuffer.allocate(3)))
        .add("none", GgufType.F32, new long[] {2, 0}, sink -> {})
        .add("b", GgufType.I8, new long[0], sink -> sink.accept(ByteBuffer.allocate(1)))
        .write(path);
    try (GgufFile file = GgufFile.open(path)) {
      assertThat(file.tensors())
          .extracting(GgufTensor::offset)
          .containsExactly(4096L, 8192L, 8192L);
      assertThat(path).hasSize(3 * 4096);
      assertThat(file.floats("none")).isEmpty();
      assertThat(file.longs("b")).containsExactly(0);
    }
    GgufMetadata odd = new GgufMetadata.Builder().uint32("general.alignment", 24).build();
    assertThatThrownBy(() -> new GgufWriter(odd))
        .hasMessageContaining("general.alignment is 24, expected a power of two");
  }

  @Test
  void whatCannotBeWrittenIsRefused() {
    GgufWriter writer = new GgufWriter(metadata());
    TensorData nothing = sink -> {};
    TensorInfo numbers = new TensorInfo("w", DType.F32, new long[] {2, 48});
    assertThatThrownBy(() -> writer.add(numbers, "w", GgufType.Q8_0, nothing))
        .hasMessage(
            "tensor w: shape [2, 48] of Q8_0, expected a last dimension that is a multiple of 32");
    assertThatThrownBy(() -> writer.add(numbers, "w", GgufType.Q3_K, nothing))
        .hasMessage(
            "tensor w F32[2, 48] cannot be written as Q3_K; expected a floating-point tensor, and"
                + " one of F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K, BF16");
    TensorInfo whole = new TensorInfo("i", DType.I32, new long[] {1});
    assertThatThrownBy(() -> writer.add(whole, "i", GgufType.F32, nothing))
        .hasMessageStartingWith("tensor i I32[1] cannot be written as F32");
    writer.add(whole, "i", GgufType.I32, nothing);
    assertThatThrownBy(() -> writer.add(whole, "i", GgufType.I32, nothing))
        .hasMessage("two tensors are called i");
    assertThatThrownBy(() -> writer.add("x".repeat(64), GgufType.F32, new long[0], nothing))
        .hasMessageEndingWith("has a name of 64 bytes, and llama.cpp reads up to 63");
    assertThatThrownBy(() -> writer.add("x", GgufType.F32, new long[5], nothing))
        .hasMessage("tensor x has 5 dimensions, and a GGUF file takes up to 4");
    assertThatThrownBy(() -> writer.add("\ud800", GgufType.F32, new long[0], nothing))
        .hasMessageStartingWith("not valid Unicode");
    GgufMetadata.Builder builder = new GgufMetadata.Builder();
    assertThatThrownBy(() -> builder.uint32("n", -1))
        .hasMessage("n is -1, expected a number of UINT32");
    assertThatThrownBy(() -> builder.uint64("n", -1))
        .hasMessage("n is -1, expected a number of UINT64");
  }

  @Test
  void aTensorThatFailsLeavesNoFile() {
    Path path = folder.resolve("x.gguf");
    TensorInfo info = new TensorInfo("w", DType.F32, new long[] {64});
    GgufWriter few =
        new GgufWriter(metadata())
            .add(info, "w", GgufType.Q8_0, sink -> sink.accept(ByteBuffer.allocate(4 * 40)));
    assertThatThrownBy(() -> few.write(path))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("tensor w Q8_0[64] handed out 34 bytes, expected 68");
    GgufWriter nan =
        new GgufWriter(metadata())
            .add(
                info,
                "w",
                GgufType.Q8_0,
                sink -> sink.accept(ByteBuffer.allocate(4 * 64).putInt(8, -1)));
    assertThatThrownBy(() -> nan.write(path))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("tensor w F32[64]: NaN is not finite, and Q8_0");
    assertThat(folder).isEmptyDirectory();
  }
}
