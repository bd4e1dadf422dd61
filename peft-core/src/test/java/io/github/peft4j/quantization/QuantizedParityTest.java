package io.github.peft4j.quantization;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/**
 * Matrices are stored as the packages do whose formats they have, bit for bit. {@code
 * -Dpeft4j.quant} names a folder with tensors before and after these packages quantised them;
 * {@link BitsandbytesParity} and {@link GgufParity} say with which names.
 */
class QuantizedParityTest {

  private static final String PROPERTY = "peft4j.quant";

  @Test
  void matricesAreStoredAsTheReferencesStoreThem() {
    String folder = System.getProperty(PROPERTY, "");
    if (folder.isEmpty()) {
      System.out.println(
          "SKIPPED: quantised tensors are not compared without -D" + PROPERTY + "=DIR");
    }
    assumeTrue(!folder.isEmpty(), "needs -D" + PROPERTY + "=DIR");
    Tally tally = new Tally();
    BitsandbytesParity.check(Path.of(folder), tally);
    GgufParity.check(Path.of(folder), tally);
    tally.print("quant");
    assertThat(tally.failures()).isEmpty();
    assertThat(tally.passed()).isPositive();
  }
}
