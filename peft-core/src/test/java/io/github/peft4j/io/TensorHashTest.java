package io.github.peft4j.io;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import io.github.peft4j.io.weights.ModelWeights;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TensorHashTest {
  private static final float[] A = {1, 2, 3, 4, 5, 6};
  private static final float[] B = {-1, 0.5f};

  @TempDir Path folder;

  private static String sha256(byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  private static byte[] bytes(float... values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return bytes.array();
  }

  private String hash(SafetensorsWriter writer) {
    Path file = folder.resolve("model.safetensors");
    writer.write(file);
    try (Safetensors source = Safetensors.open(file)) {
      assertThat(writer.tensorHash()).isEqualTo(TensorHash.of(source));
    }
    return writer.tensorHash();
  }

  private static SafetensorsWriter both() {
    return new SafetensorsWriter().add("b", new long[] {2}, B).add("a", new long[] {2, 3}, A);
  }

  @Test
  void isTheHashOfNamesTypesShapesAndBytes() throws Exception {
    String text = "a F32[2, 3] " + sha256(bytes(A)) + "\nb F32[2] " + sha256(bytes(B)) + "\n";
    assertThat(hash(both())).isEqualTo(sha256(text.getBytes(StandardCharsets.UTF_8)));
  }

  @Test
  void shardsOrderAndMetadataDoNotMatter() throws Exception {
    Path sharded = Files.createDirectories(folder.resolve("sharded"));
    new SafetensorsWriter().add("b", new long[] {2}, B).write(sharded.resolve("1.safetensors"));
    new SafetensorsWriter()
        .metadata("format", "pt")
        .add("a", new long[] {2, 3}, A)
        .write(sharded.resolve("2.safetensors"));
    Files.writeString(
        sharded.resolve("model.safetensors.index.json"),
        """
        {"weight_map": {"a": "2.safetensors", "b": "1.safetensors"}}""");
    try (TensorSource source = ModelWeights.open(sharded)) {
      assertThat(TensorHash.of(source)).isEqualTo(hash(both()));
    }
  }

  @Test
  void everythingElseDoes() {
    assertThat(hash(both()))
        .isNotEqualTo(
            hash(
                new SafetensorsWriter().add("b", new long[] {2}, B).add("a", new long[] {3, 2}, A)))
        .isNotEqualTo(
            hash(
                new SafetensorsWriter()
                    .add("b", new long[] {2}, -1, 0.25f)
                    .add("a", new long[] {2, 3}, A)))
        .isNotEqualTo(
            hash(
                new SafetensorsWriter()
                    .add("c", new long[] {2}, B)
                    .add("a", new long[] {2, 3}, A)));
  }
}
