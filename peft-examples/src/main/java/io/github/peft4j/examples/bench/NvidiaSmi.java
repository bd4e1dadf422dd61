package io.github.peft4j.examples.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** What {@code nvidia-smi} reports about the first card. */
public final class NvidiaSmi {

  private NvidiaSmi() {}

  /** Mebibytes in use on the card; empty without {@code nvidia-smi}. */
  public static OptionalLong memoryInUse() {
    return query("memory.used").stream()
        .filter(value -> value.matches("\\d+"))
        .mapToLong(Long::parseLong)
        .findFirst();
  }

  /** The same of all cards. */
  static List<Long> memoriesInUse() {
    return lines("memory.used").stream()
        .filter(value -> value.matches("\\d+"))
        .map(Long::valueOf)
        .toList();
  }

  /** A field of {@code nvidia-smi --query-gpu}; empty without {@code nvidia-smi}. */
  public static Optional<String> query(String field) {
    return lines(field).stream().findFirst();
  }

  /** The same of all cards. */
  private static List<String> lines(String field) {
    try {
      Process process =
          new ProcessBuilder("nvidia-smi", "--query-gpu=" + field, "--format=csv,noheader,nounits")
              .redirectErrorStream(true)
              .start();
      String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return process.waitFor() == 0 ? out.lines().map(String::strip).toList() : List.of();
    } catch (IOException e) {
      return List.of();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return List.of();
    }
  }
}
