package io.github.peft4j.quantization;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** Comparisons are counted, and the last line says how many passed and failed. */
class TallyTest {

  private static String printed(Tally tally) {
    PrintStream before = System.out;
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
    try {
      tally.print("quant");
    } finally {
      System.setOut(before);
    }
    return out.toString(StandardCharsets.UTF_8).replace("\r", "");
  }

  @Test
  void bitsAreComparedAndCounted() {
    Tally tally = new Tally();
    tally.same("equal", new float[] {1, Float.NaN}, 1, Float.NaN);
    tally.same("bytes", new byte[] {1, 2}, (byte) 1, (byte) 2);
    tally.same("the sign of zero", new float[] {0}, -0f);
    tally.same("a byte", new byte[] {1, 2}, (byte) 1, (byte) 3);
    tally.same("a length", new byte[] {1}, (byte) 1, (byte) 3);
    tally.same("a count", new float[] {1}, 1, 1);
    assertThat(tally.passed()).isEqualTo(2);
    assertThat(tally.failures()).hasSize(4);
    assertThat(printed(tally))
        .contains("the sign of zero: number 0 is 0.0, expected -0.0")
        .endsWith("quant: 2 passed, 4 failed\n");
  }
}
