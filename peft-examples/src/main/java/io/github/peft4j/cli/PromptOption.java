package io.github.peft4j.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.Charset;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What is asked. */
final class PromptOption {

  private static final String INPUT = "-";

  @Option(
      names = "--prompt",
      paramLabel = "TEXT",
      description = "The text to continue or answer; - reads all of the input.")
  @Nullable String prompt;

  /** The text; null if the option is not given. */
  @Nullable String text() {
    String text = INPUT.equals(prompt) ? lines().lines().collect(Collectors.joining("\n")) : prompt;
    if (text != null && text.isBlank()) {
      throw new IllegalArgumentException(
          "--prompt: %s is empty, expected a text to continue or answer"
              .formatted(INPUT.equals(prompt) ? "the input" : "the text"));
    }
    return text;
  }

  /** The input. It stays open: it is not ours. */
  static BufferedReader lines() {
    return new BufferedReader(new InputStreamReader(System.in, Charset.defaultCharset()));
  }

  /** The next line of the input; null at its end. */
  static @Nullable String line(BufferedReader input) {
    try {
      return input.readLine();
    } catch (IOException e) {
      throw new UncheckedIOException("the input cannot be read", e);
    }
  }
}
