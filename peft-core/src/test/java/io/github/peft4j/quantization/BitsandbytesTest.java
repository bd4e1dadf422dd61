package io.github.peft4j.quantization;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;

/**
 * Small matrices are stored as bitsandbytes 0.50.2 stores them, bit for bit: numbers between two
 * codes, blocks of zeros, blocks that are not full, rows that are no whole blocks.
 */
class BitsandbytesTest {

  private static void compare(BiConsumer<Path, Tally> check) throws URISyntaxException {
    Path folder =
        Path.of(
            Objects.requireNonNull(BitsandbytesTest.class.getResource("/golden-bitsandbytes"))
                .toURI());
    Tally tally = new Tally();
    check.accept(folder, tally);
    assertThat(tally.failures()).isEmpty();
    assertThat(tally.passed()).isGreaterThan(30);
  }

  @Test
  void fourBits() throws URISyntaxException {
    compare(BitsandbytesParity::check);
  }

  @Test
  void eightBits() throws URISyntaxException {
    compare(BitsandbytesParity::checkInt8);
  }
}
