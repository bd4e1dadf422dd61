package io.github.peft4j.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import io.github.peft4j.io.gguf.GgufFile;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.TensorLoader;
import io.github.peft4j.kernel.Tensors;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files that become shorter while they are open, as when they are copied anew. */
class BytesTest {

  private static final Path TOY = Path.of("src/test/resources/io/github/peft4j/gguf/llama.gguf");

  @TempDir Path folder;

  private static void cut(Path file, long size) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.truncate(size);
    }
  }

  private static void assertSaid(Path file, ThrowingCallable read) {
    assertThatThrownBy(read)
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContainingAll("cannot read", file.toString(), "it became shorter", "again");
  }

  @Test
  void slicesAreTheRun() {
    StringBuilder text = new StringBuilder();
    Bytes bytes = Bytes.of(ByteBuffer.wrap("0123456789".getBytes(StandardCharsets.US_ASCII)));
    bytes.read("digits", 2, 7, 3, slice -> text.append(slice.remaining()).append(slice.get()));
    assertThat(text).hasToString("350" + "353" + "156");
  }

  @Test
  void blocksOfAFileThatBecameShorter() throws IOException {
    Path file = Files.copy(TOY, folder.resolve("toy.gguf"));
    try (GgufFile open = GgufFile.open(file)) {
      cut(file, 20_000);
      assertSaid(file, () -> open.floats("output_norm.weight"));
    }
  }

  @Test
  void tensorsOfAFileThatBecameShorter() throws IOException {
    Path file = folder.resolve("x.safetensors");
    new SafetensorsWriter().add("a", new long[] {2000}, new float[2000]).write(file);
    long before = Tensors.live();
    try (Safetensors open = Safetensors.open(file);
        NDManager manager = Tensors.newManager(Device.cpu());
        TensorLoader loader = new TensorLoader(manager, Precision.FLOAT32)) {
      cut(file, 4000);
      assertSaid(file, () -> open.floats("a"));
      assertSaid(file, () -> loader.load(open, "a"));
    }
    assertThat(Tensors.live()).isEqualTo(before);
  }

  /** The JVM says so if mapped memory has no file behind it any more. */
  @Test
  void memoryWithoutAFile() {
    Bytes bytes = Bytes.of(ByteBuffer.allocate(8));
    assertThatThrownBy(
            () ->
                bytes.read(
                    "tensor a of x.gguf",
                    0,
                    8,
                    8,
                    slice -> {
                      throw new InternalError("a fault occurred in an unsafe memory access");
                    }))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining("cannot read tensor a of x.gguf: the file became shorter");
  }
}
