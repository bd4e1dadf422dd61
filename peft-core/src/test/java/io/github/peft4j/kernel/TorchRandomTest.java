package io.github.peft4j.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class TorchRandomTest {

  /** What Hugging Face PEFT 0.21 draws for VeRA: rank 8, 48 inputs and outputs, seed 0. */
  @Test
  void drawsWhatPyTorchDraws() {
    try (TorchRandom random = new TorchRandom(0)) {
      float[] a = random.uniform(Math.sqrt(6.0 / 48), 8 * 48);
      float[] b = random.uniform(Math.sqrt(6.0 / 8), 48 * 8);
      assertClose(a[0], -0.00264699);
      assertClose(a[1], 0.18966144);
      assertClose(a[8 * 48 - 1], 0.31499147);
      assertClose(b[0], 0.28649744);
      assertClose(b[48 * 8 - 1], 0.75134623);
    }
  }

  private static long[] permutation() {
    try (TorchRandom random = new TorchRandom(777)) {
      return random.permutation(100);
    }
  }

  @Test
  void permutesAllNumbersOnce() {
    assertThat(permutation()).containsExactly(permutation()).doesNotHaveDuplicates().hasSize(100);
  }

  private static void assertClose(float mine, double theirs) {
    assertThat((double) mine).isCloseTo(theirs, Offset.offset(1e-7));
  }
}
