package io.github.peft4j.io.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileRegion;
import io.github.peft4j.io.GoldenFiles;
import io.github.peft4j.io.NoSuchTensorException;
import io.github.peft4j.io.TensorInfo;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafetensorsTest {
  @TempDir Path folder;

  @Test
  void whatIsWrittenIsRead() {
    Path file = folder.resolve("x.safetensors");
    new SafetensorsWriter()
        .metadata("format", "pt")
        .add("b", new long[] {2, 2}, 1, 2, 3, 4)
        .add("a \"quoted\" ключ", new long[0], 5)
        .add(new TensorInfo("ids", DType.I64, new long[] {1}), sink -> sink.accept(longs(7)))
        .add("empty", new long[] {0, 3})
        .write(file);
    try (Safetensors in = Safetensors.open(file)) {
      assertThat(in).hasToString(file + " (4 tensors)");
      assertThat(in.metadata()).containsExactly(Map.entry("format", "pt"));
      assertThat(in.names()).containsExactly("ids", "a \"quoted\" ключ", "b", "empty");
      assertThat(in.info("b")).hasToString("b F32[2, 2]");
      assertThat(in.floats("b")).containsExactly(1, 2, 3, 4);
      assertThat(in.floats("a \"quoted\" ключ")).containsExactly(5);
      assertThat(in.floats("empty")).isEmpty();
      assertThat(in.longs("ids")).containsExactly(7);
      FileRegion region = in.region("b").orElseThrow();
      assertThat(region).isEqualTo(new FileRegion(file, file.toFile().length() - 16, 16));
      assertThat(region.offset() % 4).isZero();
      assertThatThrownBy(() -> in.info("layer.b"))
          .isInstanceOf(NoSuchTensorException.class)
          .hasMessageContainingAll(file.toString(), "no tensor layer.b among its 4");
    }
  }

  @Test
  void readsFailAfterClose() {
    Path file = folder.resolve("x.safetensors");
    new SafetensorsWriter().add("b", new long[] {1}, 1).write(file);
    Safetensors in = Safetensors.open(file);
    in.close();
    assertThatThrownBy(() -> in.floats("b")).isInstanceOf(UncheckedIOException.class);
  }

  @Test
  void saysWhenThereIsNoSuchFile() {
    assertThatThrownBy(() -> Safetensors.open(folder.resolve("none")))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContainingAll("none", "there is no such file");
  }

  @Test
  void handsOutTensorsBeyondTwoGibibytesInSlices() throws IOException {
    Path file = folder.resolve("sparse.safetensors");
    long bytes = (2L << 30) + 12;
    byte[] header =
        utf8(
            "{\"x\":{\"dtype\":\"F32\",\"shape\":[%d],\"data_offsets\":[0,%d]}}", bytes / 4, bytes);
    try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
      out.write(longs(header.length).array());
      out.write(header);
      out.setLength(8 + header.length + bytes);
      out.seek(8 + header.length + bytes - 4);
      out.write(new byte[] {0, 0, (byte) 0x80, 0x3f});
    }
    try (Safetensors in = Safetensors.open(file)) {
      List<Integer> slices = new ArrayList<>();
      float[] last = {0};
      in.read(
          "x",
          slice -> {
            slices.add(slice.remaining());
            last[0] = slice.getFloat(slice.limit() - 4);
          });
      assertThat(slices).containsExactly(1 << 30, 1 << 30, 12);
      assertThat(last[0]).isEqualTo(1f);
    }
  }

  @Test
  void filesOfHuggingFaceComeOutAsTheyWere() throws IOException {
    List<Path> files = GoldenFiles.safetensors();
    assertThat(files).isNotEmpty();
    Path copy = folder.resolve("copy.safetensors");
    for (Path file : files) {
      try (Safetensors in = Safetensors.open(file)) {
        new SafetensorsWriter().metadata(in.metadata()).addAll(in).write(copy);
      }
      assertThat(Files.mismatch(file, copy)).as("first differing byte of %s", file).isEqualTo(-1);
    }
  }

  @Test
  void orderIsByAlignmentThenName() {
    SafetensorsWriter writer = new SafetensorsWriter();
    for (DType dtype : DType.values()) {
      for (String name : List.of("b", "a")) {
        writer.add(
            new TensorInfo(dtype + name, dtype, new long[] {1}),
            sink -> sink.accept(ByteBuffer.allocate(dtype.bytes())));
      }
    }
    Path file = folder.resolve("x.safetensors");
    writer.write(file);
    try (Safetensors in = Safetensors.open(file)) {
      assertThat(String.join(" ", in.names()))
          .isEqualTo(
              "I64a I64b F64a F64b F32a F32b I32a I32b BF16a BF16b F16a F16b I16a I16b"
                  + " I8a I8b U8a U8b BOOLa BOOLb");
    }
  }

  @Test
  void theWriterRefusesWhatItCannotWrite() {
    SafetensorsWriter writer = new SafetensorsWriter().add("x", new long[] {1}, 1);
    assertThatThrownBy(() -> writer.add("x", new long[] {1}, 1))
        .hasMessage("two tensors are called x");
    assertThatThrownBy(() -> writer.add("y", new long[] {2}, 1))
        .hasMessage("tensor y F32[2] has 1 values, expected 2");
    assertThatThrownBy(() -> writer.add("\ud800", new long[] {1}, 1))
        .hasMessageContaining("not valid Unicode");
    writer.add(new TensorInfo("short", DType.I64, new long[] {2}), sink -> sink.accept(longs(1)));
    assertThatThrownBy(() -> writer.write(folder.resolve("f")))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("tensor short I64[2] handed out 8 bytes, expected 16");
    assertThat(folder).isEmptyDirectory();
  }

  @ParameterizedTest(name = "{1}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}      | the JSON is malformed
          {"x":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}     | tensor x: dtype is F99, expected one of [BOOL
          {"x":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}     | expected 8 bytes
          {"x":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}    | at $.x.shape[1]: found -1, expected an array of whole numbers
          {"x":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}   | found 1.0
          {"x":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}   | found STRING
          {"x":{"dtype":"F32","shape":[9223372036854775807,2],"data_offsets":[0,4]}} | overflows a 64-bit byte count
          {"x":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]}}  | found 18446744073709551615
          {"x":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}}  | found 99999999999999999999
          {"x":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}     | expected [begin, end] with begin <= end
          {"x":{"dtype":"F32","shape":[1],"data_offsets":[0]}}       | data_offsets is [0]
          {"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}     | data_offsets is [0, 8], but there are 4 bytes of data
          {"x":{"dtype":"F32","shape":[1]}}                          | tensor x: data_offsets is missing
          {"x":{"shape":[1],"data_offsets":[0,4]}}                   | tensor x: dtype is missing
          {"x":{"dtype":null,"shape":[1],"data_offsets":[0,4]}}      | found NULL, expected a string
          {"x":3}                                                    | found NUMBER, expected an object
          {"x":{"dtype":"I16","shape":[1],"data_offsets":[2,4]}}     | leaving a hole after the data before it, which ends at 0
          {"x":{"dtype":"I16","shape":[1],"data_offsets":[0,2]}}     | 4 bytes of data, but tensors end at 2
          {"x":{"dtype":"I16","shape":[2],"data_offsets":[0,4]},"y":{"dtype":"I16","shape":[1],"data_offsets":[2,4]}} | tensor y: data_offsets is [2, 4], overlapping
          {"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} | the key 'x' appears twice
          {"x":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}} | the key 'dtype' appears twice
          {"__metadata__":{"a":"1","a":"2"},"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} | the key 'a' appears twice
          {"__metadata__":{"a":1},"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} | found NUMBER, expected a string
          {"\\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} | half a surrogate pair
          {"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} {}  | expected nothing more
          [1]                                                        | found BEGIN_ARRAY, expected an object
          """)
  void malformedHeadersAreExplained(String header, String expected) {
    assertThatThrownBy(() -> Safetensors.of("model.safetensors", file(utf8(header), 4)))
        .isInstanceOf(SafetensorsException.class)
        .hasMessageStartingWith("model.safetensors: ")
        .hasMessageContaining(expected);
  }

  @Test
  void malformedFilesAreExplained() {
    assertMalformed(ByteBuffer.allocate(7), "it has 7 bytes, expected 8 or more");
    assertMalformed(longs(100), "header length is 100, but only 0 bytes follow");
    assertMalformed(longs(1L << 40), "header length is 1099511627776, expected at most 100000000");
    assertMalformed(longs(-1), "header length is 18446744073709551615");
    assertMalformed(file(new byte[] {'{', '"', (byte) 0xff, '"', '}'}, 0), "not valid UTF-8");
    assertMalformed(
        file(utf8("{\"x\":{\"y\":" + "[".repeat(100_000)), 0),
        "the JSON is malformed (Nesting limit");
  }

  @Test
  void unknownFieldsAreIgnoredAsHuggingFaceDoes() {
    byte[] header =
        utf8("{\"x\":{\"dtype\":\"F32\",\"new\":[{}],\"shape\":[1],\"data_offsets\":[0,4]}}   ");
    assertThat(Safetensors.of("x", file(header, 4)).floats("x")).containsExactly(0);
  }

  private static void assertMalformed(ByteBuffer file, String expected) {
    assertThatThrownBy(() -> Safetensors.of("f", file))
        .isInstanceOf(SafetensorsException.class)
        .hasMessageContaining(expected);
  }

  private static ByteBuffer file(byte[] header, int dataLength) {
    return ByteBuffer.allocate(8 + header.length + dataLength)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(header.length)
        .put(header)
        .rewind();
  }

  private static ByteBuffer longs(long value) {
    return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, value);
  }

  private static byte[] utf8(String format, Object... args) {
    return format.formatted(args).getBytes(StandardCharsets.UTF_8);
  }
}
