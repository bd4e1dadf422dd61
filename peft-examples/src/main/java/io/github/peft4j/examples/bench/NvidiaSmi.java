package io.github.peft4j.examples.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** What {@code nvidia-smi} reports about the cards that this process sees. */
public final class NvidiaSmi {

  private NvidiaSmi() {}

  /** Mebibytes in use on the first card; empty without {@code nvidia-smi}. */
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
    List<String> command =
        new ArrayList<>(
            List.of("nvidia-smi", "--query-gpu=" + field, "--format=csv,noheader,nounits"));
    String visible = System.getenv("CUDA_VISIBLE_DEVICES"); // nvidia-smi itself does not read it
    if (visible != null && !visible.isBlank()) {
      command.add("--id=" + visible);
    }
    try {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
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
