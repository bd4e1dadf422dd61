package io.github.peft4j.io.safetensors;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.peft4j.io.DType;
import io.github.peft4j.io.DamagedFiles;
import io.github.peft4j.io.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damaged files either open and can be read in full, or are refused with the one exception. */
class SafetensorsFuzzTest {
  private static final int FILES = 20_000;
  private static final String[] TOKENS = {
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "-1",
    "0",
    "1e9",
    "null",
    "18446744073709551616",
    "9223372036854775807",
    "4611686018427387904",
    "\"dtype\"",
    "\"I8\"",
    "\"F64\"",
    "\"shape\":[]",
    "\"data_offsets\":[0,0]",
    "[[[[[[[[",
    "{\"a\":{\"a\":",
    "é",
    "NaN"
  };

  @Test
  void damagedFilesNeverSurprise(@TempDir Path folder) throws IOException {
    byte[] whole = wholeFile(folder.resolve("x.safetensors"));
    DamagedFiles.neverSurprise(
        FILES,
        whole,
        SafetensorsFuzzTest::damage,
        SafetensorsFuzzTest::readEverything,
        SafetensorsException.class,
        refusal ->
            assertThat(refusal).hasMessageStartingWith("fuzz").message().hasSizeGreaterThan(30));
  }

  private static void readEverything(byte[] file) {
    try (Safetensors in = Safetensors.of("fuzz", ByteBuffer.wrap(file))) {
      long data = 0;
      for (String name : in.names()) {
        TensorInfo info = in.info(name);
        long[] bytes = {0};
        in.read(name, slice -> bytes[0] += slice.remaining());
        assertThat(bytes[0]).isEqualTo(info.byteCount());
        int elements = info.dtype().isFloating() ? in.floats(name).length : in.longs(name).length;
        assertThat((long) elements).isEqualTo(info.elementCount());
        data += bytes[0];
      }
      assertThat(data).isLessThan(file.length);
    }
  }

  private static byte[] damage(byte[] whole, Random random) {
    byte[] file = whole.clone();
    int headerEnd = 8 + (int) ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN).getLong();
    for (int n = 1 + random.nextInt(3); n > 0 && file.length > 0; n--) {
      int inHeader = random.nextInt(Math.min(headerEnd, file.length));
      switch (random.nextInt(7)) {
        case 0 -> file[random.nextInt(file.length)] ^= (byte) (1 << random.nextInt(8));
        case 1 -> file[inHeader] ^= (byte) (1 << random.nextInt(8));
        case 2 -> file[inHeader] = (byte) ('0' + random.nextInt(10));
        case 3 -> file = Arrays.copyOf(file, random.nextInt(file.length + 1));
        case 4 -> file = Arrays.copyOf(file, file.length + random.nextInt(20));
        case 5 -> file = splice(file, inHeader, random.nextInt(8), random);
        default -> file = splice(file, inHeader, 0, random);
      }
    }
    return file;
  }

  /** Replaces bytes of the header by a token and, mostly, corrects the length before it. */
  private static byte[] splice(byte[] file, int at, int removed, Random random) {
    byte[] token = TOKENS[random.nextInt(TOKENS.length)].getBytes(StandardCharsets.UTF_8);
    int rest = Math.min(file.length, at + removed);
    ByteBuffer out =
        ByteBuffer.allocate(at + token.length + file.length - rest).order(ByteOrder.LITTLE_ENDIAN);
    out.put(file, 0, at).put(token).put(file, rest, file.length - rest);
    if (at >= 8 && random.nextInt(8) > 0) {
      out.putLong(0, out.getLong(0) + token.length - (rest - at));
    }
    return out.array();
  }

  private static byte[] wholeFile(Path path) throws IOException {
    SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
    for (DType dtype : DType.values()) {
      TensorInfo info = new TensorInfo(dtype + ".weight", dtype, new long[] {2, 3});
      writer.add(info, sink -> sink.accept(ByteBuffer.allocate(6 * dtype.bytes())));
    }
    writer.add("scalar", new long[0], 1).add("empty", new long[] {0, 4}).write(path);
    return Files.readAllBytes(path);
  }
}
