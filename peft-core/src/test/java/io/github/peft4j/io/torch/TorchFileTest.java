package io.github.peft4j.io.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.io.DamagedFiles;
import io.github.peft4j.io.NoSuchTensorException;
import io.github.peft4j.io.TensorHash;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.Random;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that PyTorch wrote, see make_files.py among the resources. */
class TorchFileTest {

  private static final int DAMAGED = 1_500;

  @TempDir Path folder;

  private static Path file(String name) {
    try {
      return Path.of(Objects.requireNonNull(TorchFileTest.class.getResource(name)).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static byte[] bytes(TensorSource source, String name) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    source.read(
        name,
        slice -> {
          assertThat(slice.isReadOnly()).isTrue();
          assertThat(slice.order()).isEqualTo(ByteOrder.LITTLE_ENDIAN);
          assertThat(slice.remaining() % source.info(name).dtype().bytes()).isZero();
          byte[] copy = new byte[slice.remaining()];
          slice.get(copy);
          out.writeBytes(copy);
        });
    return out.toByteArray();
  }

  @ParameterizedTest
  @ValueSource(strings = {"zip.bin", "zip-protocol-4.bin", "legacy.bin"})
  void everyTensorIsWhatPyTorchSays(String name) throws IOException {
    try (TorchFile read = TorchFile.open(file(name));
        Safetensors expected = Safetensors.open(file("expected.safetensors"))) {
      assertThat(read.names()).hasSize(16).isSubsetOf(expected.names());
      for (String tensor : expected.names()) {
        assertThat(read.info(tensor)).isEqualTo(expected.info(tensor));
        assertThat(bytes(read, tensor)).as(tensor).isEqualTo(bytes(expected, tensor));
        if (read.region(tensor).isPresent()) {
          assertThat(region(read, tensor)).as(tensor).isEqualTo(bytes(expected, tensor));
        }
      }
      assertThat(TensorHash.of(read)).isEqualTo(TensorHash.of(expected));
      assertThat(read.region("float32").isPresent()).isEqualTo(name.equals("legacy.bin"));
      assertThat(read.region("transposed")).isEmpty();
      assertThatThrownBy(() -> read.info("lm_head")).isInstanceOf(NoSuchTensorException.class);
    }
  }

  private static byte[] region(TensorSource source, String name) throws IOException {
    var region = source.region(name).orElseThrow();
    byte[] bytes = new byte[(int) region.length()];
    try (RandomAccessFile in = new RandomAccessFile(region.path().toFile(), "r")) {
      in.seek(region.offset());
      in.readFully(bytes);
    }
    return bytes;
  }

  @Test
  void aTensorThatRepeatsElementsIsRefusedWhenItIsRead() {
    try (TorchFile read = TorchFile.open(file("repeated.bin"))) {
      assertThat(read.floats("b")).containsExactly(1, 1);
      assertThatThrownBy(() -> read.floats("a"))
          .isInstanceOf(TorchFileException.class)
          .hasMessageContainingAll("repeated.bin", "a F32[5]", "repeats elements", "contiguous()");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "code, a call of posix.system",
    "code-legacy, a call of posix.system",
    "module, torch.nn.modules.linear.Linear",
    "nested, an entry 'epoch' that is a dictionary",
    "number, an entry 'loss' that is no tensor",
    "list, a single value at the top",
    "float8, a torch.storage.UntypedStorage",
    "complex, a torch.ComplexFloatStorage",
    "sparse, a call of torch.serialization._get_layout",
    "quantized, a torch.QInt8Storage",
  })
  void anythingElseIsRefusedByName(String name, String what) {
    assertThatThrownBy(() -> TorchFile.open(file("refused-" + name + ".bin")))
        .isInstanceOf(TorchFileException.class)
        .hasMessageContainingAll(name + ".bin", what, "peft4j runs no Python", "safetensors");
  }

  @Test
  void whatIsNoFileOfPyTorchIsRefused() throws IOException {
    assertRefused(Files.readAllBytes(file("refused-pickle.bin")), "magic number");
    assertRefused(new byte[0], "neither a zip archive nor a pickle");
    assertRefused(
        "<!DOCTYPE html>".getBytes(StandardCharsets.UTF_8), "neither a zip archive nor a pickle");
    assertRefused(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"
            .getBytes(StandardCharsets.UTF_8),
        "git lfs pull");
    byte[] whole = Files.readAllBytes(file("zip.bin"));
    assertRefused(Arrays.copyOf(whole, whole.length / 2), "damaged or incomplete");
    byte[] legacy = Files.readAllBytes(file("legacy.bin"));
    assertRefused(Arrays.copyOf(legacy, legacy.length - 1), "damaged or incomplete");
    assertThatThrownBy(() -> TorchFile.open(folder.resolve("nowhere.bin")))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining("nowhere.bin");
  }

  private void assertRefused(byte[] content, String why) throws IOException {
    Path file = folder.resolve("x.bin");
    Files.write(file, content);
    assertThatThrownBy(() -> TorchFile.open(file))
        .isInstanceOf(TorchFileException.class)
        .hasMessageContainingAll("x.bin", why);
  }

  /** A bomb: a megabyte of zeros in a kilobyte. */
  @Test
  void compressedArchivesAreRefused() throws IOException {
    Path file = folder.resolve("bomb.bin");
    try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(file))) {
      out.putNextEntry(new ZipEntry("archive/data.pkl"));
      out.write(new byte[1 << 20]);
      out.closeEntry();
    }
    assertRefused(Files.readAllBytes(file), "data.pkl is compressed");
  }

  /**
   * Structures that hold themselves, and ten thousand tuples within each other, are read without
   * recursion.
   */
  @Test
  void structuresWithoutEndAreRefused() throws IOException {
    byte[] own = "\u0080\u0002}q\u0000h\u0000K\u0001s.".getBytes(StandardCharsets.ISO_8859_1);
    ByteArrayOutputStream deep = new ByteArrayOutputStream();
    deep.writeBytes(new byte[] {(byte) 0x80, 2, '}', ')'});
    for (int i = 0; i < 10_000; i++) {
      deep.write(0x85);
    }
    deep.writeBytes(new byte[] {'K', 1, 's', '.'});
    for (byte[] pickle : new byte[][] {own, deep.toByteArray()}) {
      byte[] legacy = Files.readAllBytes(file("legacy.bin"));
      int at = dictionary(legacy);
      ByteArrayOutputStream whole = new ByteArrayOutputStream();
      whole.write(legacy, 0, at);
      whole.writeBytes(pickle);
      assertRefused(whole.toByteArray(), "keys that are no text");
    }
  }

  /** Where the fourth pickle starts. */
  private static int dictionary(byte[] legacy) {
    int at = 0;
    for (int pickle = 0; pickle < 3; pickle++) {
      do {
        at++;
      } while (!(legacy[at - 1] == '.' && legacy[at] == (byte) 0x80 && legacy[at + 1] == 2));
    }
    return at;
  }

  @ParameterizedTest
  @ValueSource(strings = {"zip.bin", "legacy.bin"})
  void damagedFilesNeverSurprise(String name) throws IOException {
    Path damaged = folder.resolve("fuzz.bin");
    DamagedFiles.neverSurprise(
        DAMAGED,
        Files.readAllBytes(file(name)),
        TorchFileTest::damage,
        bytes -> readEverything(damaged, bytes),
        TorchFileException.class,
        refusal ->
            assertThat(refusal).hasMessageStartingWith(damaged.toString()).message().hasSizeGreaterThan(80));
  }

  private static void readEverything(Path file, byte[] content) {
    try {
      Files.write(file, content);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    try (TorchFile in = TorchFile.open(file)) {
      for (String name : in.names()) {
        TensorInfo info = in.info(name);
        long[] bytes = {0};
        in.read(name, slice -> bytes[0] += slice.remaining());
        assertThat(bytes[0]).isEqualTo(info.byteCount());
        assertThat(bytes[0]).isLessThan(content.length);
      }
    }
  }

  private static byte[] damage(byte[] whole, Random random) {
    byte[] file = whole.clone();
    for (int n = 1 + random.nextInt(4); n > 0 && file.length > 0; n--) {
      int at = random.nextInt(file.length);
      switch (random.nextInt(8)) {
        case 0, 1, 2 -> file[at] ^= (byte) (1 << random.nextInt(8));
        case 3 -> file[at] = (byte) random.nextInt(256);
        case 4 -> { // a length or an offset that lies
          int width = 1 << random.nextInt(4);
          for (int i = at; i < Math.min(at + width, file.length); i++) {
            file[i] = (byte) (random.nextBoolean() ? 0xff : 0x7f);
          }
        }
        case 5 -> file[at] = OPCODES[random.nextInt(OPCODES.length)];
        case 6 -> file = Arrays.copyOf(file, random.nextInt(file.length + 1));
        default -> file = swap(file, at, random);
      }
    }
    return file;
  }

  private static final byte[] OPCODES =
      "}])(NKMJGXTUcqrhjtaeQRsub.\u0080\u0085\u0086\u0087\u0088\u008a\u008c\u0093\u0094\u0081"
          .getBytes(StandardCharsets.ISO_8859_1);

  /** Two pieces of the file change places. */
  private static byte[] swap(byte[] file, int at, Random random) {
    int n = Math.min(1 + random.nextInt(16), file.length - at);
    int other = random.nextInt(file.length - n + 1);
    ByteBuffer out = ByteBuffer.wrap(file.clone());
    out.put(other, file, at, n);
    out.put(at, file, other, n);
    return out.array();
  }
}
