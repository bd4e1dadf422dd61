package io.github.peft4j.examples;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Memory in use on a CUDA device, from {@code nvidia-smi}. */
final class DeviceMemory {

  private DeviceMemory() {}

  /** Mebibytes in use on the first device; empty without {@code nvidia-smi}. */
  static List<String> used() {
    try {
      Process process =
          new ProcessBuilder(
                  "nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits")
              .redirectErrorStream(true)
              .start();
      String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return out.lines().map(String::strip).filter(line -> line.matches("\\d+")).limit(1).toList();
    } catch (IOException e) {
      return List.of();
    }
  }
}
