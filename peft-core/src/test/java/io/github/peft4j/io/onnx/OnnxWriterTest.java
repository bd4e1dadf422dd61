package io.github.peft4j.io.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileGroup;
import io.github.peft4j.io.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OnnxWriterTest {

  @TempDir private Path folder;

  private static byte[] bytes(int count) {
    byte[] bytes = new byte[count];
    for (int i = 0; i < count; i++) {
      bytes[i] = (byte) (i * 7);
    }
    return bytes;
  }

  private static OnnxWriter writer() {
    OnnxWriter writer = new OnnxWriter();
    writer.input("x", DType.F32, "batch", "3");
    writer.constant(
        new TensorInfo("small", DType.I64, new long[] {2}),
        sink -> sink.accept(ByteBuffer.wrap(bytes(16))));
    writer.constant(
        new TensorInfo("large.weight", DType.F32, new long[] {3, 500}),
        sink -> {
          sink.accept(ByteBuffer.wrap(bytes(6000), 0, 4000)); // in two buffers
          sink.accept(ByteBuffer.wrap(bytes(6000), 4000, 2000));
        });
    writer.constant(
        new TensorInfo("halves", DType.BF16, new long[] {1001}),
        sink -> sink.accept(ByteBuffer.wrap(bytes(2002))));
    writer.node("MatMul", "product", List.of("x", "large.weight"), List.of("y"), Map.of());
    writer.node("Softmax", "probabilities", List.of("y"), List.of("z"), Map.of("axis", -1L));
    writer.output("z", DType.F32, "batch", "500");
    return writer;
  }

  private Set<String> write(OnnxWriter writer, long largest) {
    try (FileGroup files = new FileGroup(folder)) {
      Set<String> names = writer.writeTo(files, "m.onnx", largest);
      files.commit();
      return names;
    }
  }

  private OnnxGraph read() throws IOException {
    return OnnxParser.parse(
        "m.onnx", ByteBuffer.wrap(Files.readAllBytes(folder.resolve("m.onnx"))));
  }

  @Test
  void aReaderFindsConstantsAndNodes() throws IOException {
    assertThat(write(writer(), OnnxWriter.LARGEST_FILE)).containsExactly("m.onnx");

    OnnxGraph graph = read();
    assertThat(graph.unreadable()).isEmpty();
    assertThat(graph.initializers().keySet()).containsExactly("small", "large.weight", "halves");
    OnnxTensor large = Objects.requireNonNull(graph.initializers().get("large.weight"));
    assertThat(large.info())
        .isEqualTo(new TensorInfo("large.weight", DType.F32, new long[] {3, 500}));
    assertThat(large.bytes()).isEqualTo(ByteBuffer.wrap(bytes(6000)));
    assertThat(graph.nodes())
        .extracting(OnnxGraph.Node::opType)
        .containsExactly("MatMul", "Softmax");
    assertThat(graph.nodes().get(0).inputs()).containsExactly("x", "large.weight");
  }

  @Test
  void largeConstantsMoveToASecondFile() throws IOException {
    assertThat(write(writer(), 2000)).containsExactlyInAnyOrder("m.onnx", "m.onnx.data");

    assertThat(folder.resolve("m.onnx")).satisfies(f -> assertThat(Files.size(f)).isLessThan(2000));
    OnnxGraph graph = read();
    assertThat(graph.initializers()).containsOnlyKeys("small");
    assertThat(graph.unreadable()).containsOnlyKeys("large.weight", "halves");
    byte[] data = Files.readAllBytes(folder.resolve("m.onnx.data"));
    assertThat(ByteBuffer.wrap(data, 0, 6000)).isEqualTo(ByteBuffer.wrap(bytes(6000)));
    assertThat(ByteBuffer.wrap(data, 6016, 2002)).isEqualTo(ByteBuffer.wrap(bytes(2002)));
  }

  @Test
  void theLimitIsThatOfTheFile() throws IOException {
    write(writer(), OnnxWriter.LARGEST_FILE);
    long size = Files.size(folder.resolve("m.onnx"));

    assertThat(write(writer(), size + 64)).containsExactly("m.onnx");
    assertThat(write(writer(), size - 1)).hasSize(2);
  }

  @Test
  void mistakesOfTheCallerAreNamed() {
    OnnxWriter writer = writer();
    TensorInfo again = new TensorInfo("small", DType.F32, new long[] {1});
    assertThatThrownBy(() -> writer.constant(again, sink -> {}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("two constants are called small");
    assertThatThrownBy(() -> writer.node("Op", "n", List.of(), List.of(), Map.of("a", "text")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("attribute a is a String");
    writer.constant(
        new TensorInfo("short", DType.F32, new long[] {4}),
        sink -> sink.accept(ByteBuffer.allocate(8)));
    assertThatThrownBy(() -> write(writer, OnnxWriter.LARGEST_FILE))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("short")
        .hasMessageContaining("8 bytes, expected 16");
    assertThat(folder).isEmptyDirectory();
  }
}
