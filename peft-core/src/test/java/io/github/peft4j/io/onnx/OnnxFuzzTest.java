package io.github.peft4j.io.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.peft4j.io.DamagedFiles;
import io.github.peft4j.io.TensorInfo;
import java.io.ByteArrayInputStream;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Damaged files either open and can be read in full, or are refused with the one exception. */
class OnnxFuzzTest {
  private static final int FILES = 10_000;

  @Test
  void damagedFilesNeverSurprise() {
    byte[] whole =
        OnnxBytes.smallBert()
            .floatData("floats", false, 1, 2)
            .longData("longs", true, -1, 300)
            .model();
    readEverything(whole);
    DamagedFiles.neverSurprise(
        FILES,
        whole,
        OnnxFuzzTest::damage,
        OnnxFuzzTest::readEverything,
        OnnxException.class,
        refusal -> assertThat(refusal).hasMessageStartingWith("ONNX stream: "));
  }

  private static void readEverything(byte[] file) {
    OnnxWeights weights = OnnxWeights.open(new ByteArrayInputStream(file));
    for (String name : weights.names()) {
      TensorInfo info = weights.info(name);
      long[] bytes = {0};
      weights.read(name, slice -> bytes[0] += slice.remaining());
      assertThat(bytes[0]).isEqualTo(info.byteCount()).isLessThan(8L * file.length);
    }
    weights.bertConfig(1);
    weights.attentionHeads();
  }

  private static byte[] damage(byte[] whole, Random random) {
    byte[] file = whole.clone();
    for (int n = 1 + random.nextInt(3); n > 0 && file.length > 0; n--) {
      int at = random.nextInt(file.length);
      switch (random.nextInt(5)) {
        case 0 -> file[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> file[at] = (byte) random.nextInt(256);
        case 2 -> file = Arrays.copyOf(file, at);
        case 3 -> Arrays.fill(file, at, Math.min(file.length, at + 9), (byte) 0xff);
        default -> System.arraycopy(whole, 0, file, at, Math.min(8, file.length - at));
      }
    }
    return file;
  }
}
