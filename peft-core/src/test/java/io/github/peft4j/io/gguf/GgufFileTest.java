package io.github.peft4j.io.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileRegion;
import io.github.peft4j.io.NoSuchTensorException;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A file that the gguf package wrote, see make_files.py among the resources. */
class GgufFileTest {

  private final Path path = file("types.gguf");
  private GgufFile file;
  private Safetensors expected;

  static Path file(String name) {
    try {
      return Path.of(Objects.requireNonNull(GgufFileTest.class.getResource(name)).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  @BeforeEach
  void open() {
    file = GgufFile.open(path);
    expected = Safetensors.open(file("expected.safetensors"));
  }

  @AfterEach
  void close() {
    file.close();
    expected.close();
  }

  static byte[] bytes(Consumer<Consumer<ByteBuffer>> read) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    read.accept(
        slice -> {
          assertThat(slice.isReadOnly()).isTrue();
          assertThat(slice.order()).isEqualTo(ByteOrder.LITTLE_ENDIAN);
          byte[] copy = new byte[slice.remaining()];
          slice.get(copy);
          out.writeBytes(copy);
        });
    return out.toByteArray();
  }

  private static byte[] bytes(TensorSource source, String name) {
    return bytes(sink -> source.read(name, sink));
  }

  private static byte[] bytes(FileRegion region) throws IOException {
    byte[] all = Files.readAllBytes(region.path());
    return Arrays.copyOfRange(
        all, (int) region.offset(), (int) (region.offset() + region.length()));
  }

  @Test
  void everyTensorIsWhatTheGgufPackageReads() throws IOException {
    assertThat(file.version()).isEqualTo(3);
    assertThat(file.names()).hasSize(25).isSubsetOf(expected.names());
    for (GgufTensor tensor : file.tensors()) {
      String name = tensor.name();
      assertThat(tensor.shape()).as(name).isEqualTo(expected.info(name).shape());
      assertThat(file.info(name).shape()).isEqualTo(tensor.shape());
      DType dtype = file.info(name).dtype();
      assertThat(dtype).as(name).isEqualTo(tensor.type().dtype().orElse(DType.F32));
      assertThat(bytes(file, name))
          .as(name)
          .isEqualTo(
              dtype == DType.F16 || dtype == DType.BF16
                  ? bytes(sink -> file.readBlocks(name, sink))
                  : bytes(expected, name));
      if (dtype.isFloating()) {
        assertThat(file.floats(name)).as(name).isEqualTo(expected.floats(name));
      } else {
        assertThat(file.longs(name)).as(name).isEqualTo(expected.longs(name));
      }
      byte[] blocks = bytes(sink -> file.readBlocks(name, sink));
      assertThat((long) blocks.length).isEqualTo(tensor.byteCount());
      assertThat(bytes(file.blocks(name).orElseThrow())).isEqualTo(blocks);
      assertThat(file.region(name).isPresent()).isNotEqualTo(tensor.type().isQuantized());
    }
  }

  @ParameterizedTest
  @EnumSource(GgufType.class)
  void everyTypeIsInTheFile(GgufType type) {
    assertThat(file.tensors()).extracting(GgufTensor::type).contains(type);
  }

  @ParameterizedTest
  @ValueSource(strings = {"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"})
  void numbersBecomeTheSameBlocks(GgufType type) {
    float[] x = expected.floats("x");
    byte[] blocks = new byte[x.length / type.blockElements() * type.blockBytes()];
    type.quantize(x, x.length / type.blockElements(), blocks);
    assertThat(type.isWritable()).isTrue();
    assertThat(blocks).isEqualTo(bytes(sink -> file.readBlocks("writable." + type, sink)));
  }

  /** 200 blocks of parts of 16 numbers: random, of one sign, equal, whole, or zero. */
  private static float[] manyKinds() {
    float[] x = new float[200 * 256];
    Random random = new Random(7);
    for (int part = 0; part < x.length / 16; part++) {
      int kind = random.nextInt(8);
      int exponent = random.nextInt(16) - 8;
      for (int i = 16 * part; i < 16 * part + 16; i++) {
        float number = Math.scalb(random.nextFloat() - 0.5f, exponent);
        x[i] =
            switch (kind) {
              case 0 -> 0;
              case 1 -> Math.abs(number);
              case 2 -> Math.scalb(1f, exponent);
              case 3 -> random.nextInt(4);
              default -> number;
            };
      }
    }
    return x;
  }

  /** The hashes are of what llama.cpp's quantize_row_q*_K_ref makes, without fused operations. */
  @ParameterizedTest
  @CsvSource({
    "Q4_K, e1998df0ee4960539623b2ed79040bb60b4132627534fa6983cf434197eb2d6b",
    "Q5_K, 37b5f17ce1cf25345b4c6503fd7a6331311350ef83a2e1e6ee44d6e2ff0c8e30",
    "Q6_K, d67113afc4604fb96a98ffc994287b90d249cd823bd675778df7173b018c58ca"
  })
  void blocksOfTheKTypesAreThoseOfLlamaCpp(GgufType type, String sha256)
      throws NoSuchAlgorithmException {
    float[] x = manyKinds();
    byte[] blocks = new byte[200 * type.blockBytes()];
    Arrays.fill(blocks, (byte) 0x5a); // what was there before must not stay
    type.quantize(x, 200, blocks);
    assertThat(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(blocks)))
        .isEqualTo(sha256);
  }

  @ParameterizedTest
  @EnumSource(names = {"Q4_K", "Q5_K", "Q6_K"})
  void numbersNearZeroAreStored(GgufType type) {
    for (float tiny : new float[] {0, Float.MIN_VALUE, 1e-40f, 1e-37f, 1e-30f, 1e-9f}) {
      float[] x = new float[256];
      for (int i = 0; i < x.length; i++) {
        x[i] = (i % 5 - 2) * tiny;
      }
      byte[] blocks = new byte[type.blockBytes()];
      type.quantize(x, 1, blocks);
      float[] back = new float[256];
      type.dequantize(blocks, 1, back);
      for (int i = 0; i < x.length; i++) {
        assertThat(back[i]).isCloseTo(x[i], within(1e-6f));
      }
    }
  }

  @Test
  void whatCannotBeStoredIsRefused() {
    float[] x = new float[32];
    byte[] blocks = new byte[64];
    assertThatThrownBy(() -> GgufType.Q3_K.quantize(x, 1, blocks))
        .hasMessage(
            "Q3_K cannot be written; expected one of F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K,"
                + " Q5_K, Q6_K, BF16");
    assertThatThrownBy(() -> GgufType.I8.quantize(x, 1, blocks))
        .hasMessageStartingWith("I8 cannot be written");
    assertThatThrownBy(() -> GgufType.I8.dequantize(blocks, 1, x))
        .isInstanceOf(IllegalArgumentException.class);
    x[7] = Float.NaN;
    assertThatThrownBy(() -> GgufType.Q8_0.quantize(x, 1, blocks))
        .hasMessage(
            "NaN is not finite, and Q8_0 has finite numbers only; repair the weights, or take F32");
    x[7] = 1e5f;
    assertThatThrownBy(() -> GgufType.F16.quantize(x, 8, blocks))
        .hasMessage(
            "100000.0 is to be stored in 16 bits, and 65504 is the largest such number; write BF16"
                + " or F32");
    GgufType.Q4_0.quantize(x, 1, blocks); // the scale fits
    x[7] = 1e6f;
    assertThatThrownBy(() -> GgufType.Q4_0.quantize(x, 1, blocks))
        .hasMessageStartingWith("-125000.0 is to be stored in 16 bits");
  }

  @Test
  void valuesOfAllTypesAreRead() {
    GgufMetadata metadata = file.metadata();
    assertThat(metadata.string("general.architecture")).isEqualTo("test");
    assertThat(metadata.integer("value.uint8")).isEqualTo(200);
    assertThat(metadata.integer("value.int8")).isEqualTo(-100);
    assertThat(metadata.integer("value.uint16")).isEqualTo(60000);
    assertThat(metadata.integer("value.int16")).isEqualTo(-30000);
    assertThat(metadata.integer("value.uint32")).isEqualTo(4000000000L);
    assertThat(metadata.integer("value.int32")).isEqualTo(-2000000000);
    assertThat(metadata.integer("value.int64")).isEqualTo(-(1L << 62));
    assertThat(metadata.number("value.float32")).isEqualTo(0.1f);
    assertThat(metadata.number("value.float64")).isEqualTo(0.1);
    assertThat(metadata.number("value.uint8")).isEqualTo(200);
    assertThat(metadata.flag("value.bool")).isTrue();
    assertThat(metadata.string("value.string")).isEqualTo("naïve 🦙");
    assertThat(metadata.type("value.uint64")).isEqualTo(GgufValueType.UINT64);
    assertThatThrownBy(() -> metadata.integer("value.uint64"))
        .isInstanceOf(GgufException.class)
        .hasMessage(
            path
                + ": value.uint64 is 9223372036854775809, expected a whole number below 2⁶³; take"
                + " another file, or convert the model again");
    assertThat(metadata.integers("array.uint8")).containsExactly(0, 255);
    assertThat(metadata.integers("array.int8")).containsExactly(-128, 127);
    assertThat(metadata.integers("array.uint16")).containsExactly(0, 65535);
    assertThat(metadata.integers("array.int16")).containsExactly(-32768, 32767);
    assertThat(metadata.integers("array.uint32")).containsExactly(0, (1L << 32) - 1);
    assertThat(metadata.integers("array.int32")).containsExactly(-(1L << 31), (1L << 31) - 1);
    assertThat(metadata.integers("array.uint64")).containsExactly(0, Long.MAX_VALUE);
    assertThat(metadata.integers("array.int64")).containsExactly(Long.MIN_VALUE, Long.MAX_VALUE);
    assertThat(metadata.numbers("array.float32")).containsExactly(0.5, -0.1f);
    assertThat(metadata.numbers("array.float64")).containsExactly(0.5, -0.1);
    assertThat(metadata.numbers("array.int8")).containsExactly(-128, 127);
    assertThat(metadata.flags("array.bool")).containsExactly(true, false, true);
    assertThat(metadata.strings("array.string")).containsExactly("", "<s>", "▁naïve", "🦙");
  }

  @Test
  void errorsOfValuesSayWhatToDo() {
    GgufMetadata metadata = file.metadata();
    String end = "; take another file, or convert the model again";
    assertThat(metadata.findString("x")).isEmpty();
    assertThat(metadata.findInteger("x")).isEmpty();
    assertThat(metadata.findNumber("x")).isEmpty();
    assertThat(metadata.findFlag("x")).isEmpty();
    assertThat(metadata.findStrings("x")).isEmpty();
    assertThat(metadata.findIntegers("x")).isEmpty();
    assertThat(metadata.findNumbers("x")).isEmpty();
    assertThatThrownBy(() -> metadata.integer("llama.uint8"))
        .hasMessage(
            path
                + ": there is no llama.uint8, expected a whole number (there is value.uint8,"
                + " array.uint8)"
                + end);
    assertThatThrownBy(() -> metadata.string("value.uint8"))
        .hasMessage(path + ": value.uint8 is 200 (UINT8), expected a text" + end);
    assertThatThrownBy(() -> metadata.integer("value.string"))
        .hasMessage(path + ": value.string is \"naïve 🦙\", expected a whole number" + end);
    assertThatThrownBy(() -> metadata.findNumber("value.bool"))
        .hasMessage(path + ": value.bool is true (BOOL), expected a whole number" + end);
    assertThatThrownBy(() -> metadata.strings("array.int8"))
        .hasMessage(path + ": array.int8 is 2 × INT8, expected an array of texts" + end);
    assertThatThrownBy(() -> metadata.numbers("array.string"))
        .hasMessage(
            path + ": array.string is 4 × STRING, expected an array of whole numbers" + end);
    assertThatThrownBy(() -> metadata.integers("value.int8"))
        .hasMessage(path + ": value.int8 is -100 (INT8), expected an array of whole numbers" + end);
    assertThatThrownBy(() -> file.tensor("lm_head")).isInstanceOf(NoSuchTensorException.class);
  }

  @Test
  void versionTwoIsRead() throws IOException {
    byte[] all = Files.readAllBytes(path);
    all[4] = 2;
    GgufFile second = GgufFile.of("second", ByteBuffer.wrap(all));
    assertThat(second.version()).isEqualTo(2);
    assertThat(second.tensors()).containsExactlyElementsOf(file.tensors());
    assertThat(second.blocks("plain.I8")).isEmpty();
    assertThat(second.floats("random.Q6_K")).isEqualTo(expected.floats("random.Q6_K"));
    assertThat(second).hasToString("second (25 tensors)");
  }

  private static byte[] header(int version, long tensors, long keys, byte... rest) {
    return ByteBuffer.allocate(24 + rest.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put("GGUF".getBytes(StandardCharsets.US_ASCII))
        .putInt(version)
        .putLong(tensors)
        .putLong(keys)
        .put(rest)
        .array();
  }

  private static void assertRefused(byte[] content, String message) {
    assertThatThrownBy(() -> GgufFile.of("x.gguf", ByteBuffer.wrap(content)))
        .isInstanceOf(GgufException.class)
        .hasMessage("x.gguf: " + message);
  }

  @Test
  void foreignFilesAreNamed() {
    String broken = "; the file is damaged or incomplete: fetch it again";
    assertRefused(new byte[7], "it has 7 bytes, expected 24 or more" + broken);
    assertRefused(
        new byte[40],
        "the first four bytes are 00 00 00 00, expected \"GGUF\"; is this a GGUF file?");
    byte[] old = Arrays.copyOf("tjgg".getBytes(StandardCharsets.US_ASCII), 30);
    assertRefused(
        old,
        "the first four bytes are 74 6a 67 67, expected \"GGUF\"; it is llama.cpp's format of"
            + " before August 2023: convert the model again");
    assertRefused(
        header(Integer.reverseBytes(3), 0, 0),
        "version is 3 with its bytes reversed, so that the file is big-endian; expected a"
            + " little-endian file: convert it with gguf_convert_endian.py of llama.cpp");
    assertRefused(
        header(1, 0, 0),
        "version is 1, expected 2 or 3; convert the model again with a llama.cpp of today");
    assertRefused(
        header(3, 1L << 40, 0),
        "the number of tensors is 1099511627776, but the rest of the file, 8 bytes, has room for 0"
            + broken);
    assertRefused(
        header(3, 0, -1),
        "the number of keys is 18446744073709551615, but the rest of the file, 0 bytes, has room"
            + " for 0"
            + broken);
    byte[] pointer =
        Arrays.copyOf(
            "version https://git-lfs.github.com/".getBytes(StandardCharsets.US_ASCII), 99);
    assertThatThrownBy(() -> GgufFile.of("x.gguf", ByteBuffer.wrap(pointer)))
        .hasMessageContaining("is a pointer of Git LFS");
    assertThatThrownBy(() -> GgufFile.open(Path.of("nowhere.gguf")))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage("cannot read nowhere.gguf: there is no such file");
  }

  @ParameterizedTest
  @CsvSource({"9, 9 (Q8_1)", "23, 23 (IQ4_XS)", "77, 77"})
  void typesThatAreNotReadAreNamed(int type, String name) throws IOException {
    byte[] all = Files.readAllBytes(path);
    byte[] tensor = "plain.vector".getBytes(StandardCharsets.US_ASCII);
    int at = indexOf(all, tensor) + tensor.length + 4 + 8;
    assertThat(all[at]).isZero();
    all[at] = (byte) type;
    assertThatThrownBy(() -> GgufFile.of("x.gguf", ByteBuffer.wrap(all)))
        .isInstanceOf(GgufException.class)
        .hasMessage(
            "x.gguf: tensor plain.vector: the type is %s, expected one of %s; take a file with such"
                    .formatted(name, List.of(GgufType.values()))
                + " types, for example one called Q4_K_M or Q8_0");
  }

  /** The vector has five floats: four would leave one in the padding, and nine need more. */
  @ParameterizedTest
  @CsvSource({
    "4, ends at byte 8784; and the padding behind it has a byte of",
    "9, has 36 bytes; but 32 follow its offset",
    "-1, has a negative dimension",
  })
  void aWrongShapeIsRefused(byte length, String message) throws IOException {
    byte[] all = Files.readAllBytes(path);
    byte[] tensor = "plain.vector".getBytes(StandardCharsets.US_ASCII);
    int at = indexOf(all, tensor) + tensor.length + 4;
    assertThat(all[at]).isEqualTo((byte) 5);
    Arrays.fill(all, at, at + 8, (byte) (length < 0 ? -1 : 0));
    all[at] = length;
    assertThatThrownBy(() -> GgufFile.of("x.gguf", ByteBuffer.wrap(all)))
        .isInstanceOf(GgufException.class)
        .hasMessageStartingWith("x.gguf: tensor plain.vector")
        .hasMessageContaining(message.replace(';', ','))
        .hasMessageEndingWith("; the file is damaged or incomplete: fetch it again");
  }

  private static int indexOf(byte[] all, byte[] part) {
    int at = 0;
    while (!Arrays.equals(all, at, at + part.length, part, 0, part.length)) {
      at++;
    }
    return at;
  }
}
