package io.github.peft4j.io.gguf;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.github.peft4j.io.DamagedFiles;
import io.github.peft4j.io.TensorInfo;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Damaged files either open and can be read in full, or are refused with the one exception. */
class GgufFuzzTest {
  private static final int FILES = 10_000;

  private static final long[] NUMBERS = {
    0,
    1,
    2,
    8,
    9,
    31,
    32,
    255,
    256,
    1L << 31,
    (1L << 32) - 1,
    1L << 40,
    1L << 62,
    -1,
    Long.MIN_VALUE
  };

  @Test
  void damagedFilesNeverSurprise() throws IOException {
    byte[] whole = Files.readAllBytes(GgufFileTest.file("types.gguf"));
    int headerEnd;
    try (GgufFile file = GgufFile.of("fuzz", ByteBuffer.wrap(whole))) {
      headerEnd = (int) file.tensors().iterator().next().offset();
    }
    readEverything(whole);
    DamagedFiles.neverSurprise(
        FILES,
        whole,
        (bytes, random) -> damage(bytes, headerEnd, random),
        GgufFuzzTest::readWithLittleMemory,
        GgufException.class,
        refusal ->
            assertThat(refusal).hasMessageStartingWith("fuzz").message().hasSizeGreaterThan(40));
  }

  /** No number out of a file decides how much memory is taken. */
  private static void readWithLittleMemory(byte[] content) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    try {
      readEverything(content);
    } finally {
      assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(1 << 20);
    }
  }

  private static void readEverything(byte[] content) {
    try (GgufFile file = GgufFile.of("fuzz", ByteBuffer.wrap(content))) {
      long data = 0;
      for (GgufTensor tensor : file.tensors()) {
        long[] blocks = {0};
        file.readBlocks(tensor.name(), slice -> blocks[0] += slice.remaining());
        assertThat(blocks[0]).isEqualTo(tensor.byteCount());
        TensorInfo info = file.info(tensor.name());
        assertThat(info.elementCount()).isEqualTo(tensor.elementCount());
        long[] bytes = {0};
        file.read(tensor.name(), slice -> bytes[0] += slice.remaining());
        assertThat(bytes[0]).isEqualTo(info.byteCount());
        data += blocks[0];
      }
      assertThat(data).isLessThan(content.length);
      long texts = 0;
      for (String key : file.metadata().keys()) {
        texts += readValue(file.metadata(), key);
      }
      assertThat(texts).isLessThan(content.length);
    }
  }

  /** Reads a value by the getter for its type; returns the length of the texts in it. */
  private static long readValue(GgufMetadata metadata, String key) {
    switch (metadata.type(key)) {
      case STRING -> {
        return metadata.string(key).length();
      }
      case BOOL -> metadata.flag(key);
      case FLOAT32, FLOAT64 -> metadata.number(key);
      case UINT64 -> assertThat(metadata.contains(key)).isTrue(); // may be 2⁶³ or more
      case ARRAY -> {
        return readArray(metadata, key);
      }
      default -> metadata.integer(key);
    }
    return 0;
  }

  private static long readArray(GgufMetadata metadata, String key) {
    switch (metadata.elementType(key)) {
      case STRING -> {
        return String.join("", metadata.strings(key)).length();
      }
      case BOOL -> metadata.flags(key);
      default -> metadata.numbers(key);
    }
    return 0;
  }

  private static byte[] damage(byte[] whole, int headerEnd, Random random) {
    byte[] file = whole.clone();
    for (int n = 1 + random.nextInt(3); n > 0 && file.length > 0; n--) {
      int inHeader = random.nextInt(Math.min(headerEnd, file.length));
      switch (random.nextInt(7)) {
        case 0 -> file[random.nextInt(file.length)] ^= (byte) (1 << random.nextInt(8));
        case 1 -> file[inHeader] ^= (byte) (1 << random.nextInt(8));
        case 2 -> file[inHeader] = (byte) random.nextInt(256);
        case 3 -> file = Arrays.copyOf(file, random.nextInt(file.length + 1));
        case 4 -> file = Arrays.copyOf(file, file.length + random.nextInt(40));
        case 5 -> number(file, inHeader, random);
        default -> {
          int from = random.nextInt(Math.min(headerEnd, file.length));
          int length = Math.min(random.nextInt(24), file.length - Math.max(from, inHeader));
          System.arraycopy(file, from, file, inHeader, length);
        }
      }
    }
    return file;
  }

  /** Puts a number that is likely to be wrong in the place of a length, a count or a size. */
  private static void number(byte[] file, int at, Random random) {
    if (at + Long.BYTES <= file.length) {
      ByteBuffer bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
      bytes.putLong(at, NUMBERS[random.nextInt(NUMBERS.length)]);
    }
  }
}
