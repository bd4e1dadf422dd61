package io.github.peft4j.io;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import java.util.function.Consumer;

/** Damaged copies of a file: each can be read in full, or is refused with the one exception. */
public final class DamagedFiles {

  private DamagedFiles() {}

  /** Damages a copy of a file. */
  @FunctionalInterface
  public interface Damage {
    byte[] of(byte[] whole, Random random);
  }

  /**
   * Checks many of them.
   *
   * @param read reads all that is in a file
   * @param refusal the one exception
   * @param message checks the exception
   */
  public static <E extends RuntimeException> void neverSurprise(
      int files,
      byte[] whole,
      Damage damage,
      Consumer<byte[]> read,
      Class<E> refusal,
      Consumer<E> message) {
    Random random = new Random(20240607);
    int opened = 0;
    for (int i = 0; i < files; i++) {
      byte[] damaged = damage.of(whole, random);
      try {
        read.accept(damaged);
        opened++;
      } catch (RuntimeException | Error e) {
        if (!refusal.isInstance(e)) {
          throw new AssertionError("file %d: %s".formatted(i, Arrays.toString(damaged)), e);
        }
        message.accept(refusal.cast(e));
      }
    }
    // Damage in data and names is harmless: both outcomes must occur, or the test tests nothing.
    assertThat(opened).isBetween(files / 100, files * 9 / 10);
  }
}
