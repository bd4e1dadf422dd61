package io.github.peft4j.spark;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The memory of this process, native memory included, as Linux counts it. */
final class ResidentMemory {

  private static final Path STATUS = Path.of("/proc/self/status");

  private ResidentMemory() {}

  /** The most bytes so far, or 0 if unknown. */
  static long peak() {
    return bytes("VmHWM");
  }

  /** The bytes now, or 0 if unknown. */
  static long now() {
    return bytes("VmRSS");
  }

  private static long bytes(String name) {
    try {
      List<String> lines = Files.readAllLines(STATUS, StandardCharsets.ISO_8859_1);
      return lines.stream()
          .filter(line -> line.startsWith(name + ":"))
          .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("\\D", "")))
          .findFirst()
          .orElse(0);
    } catch (IOException e) {
      return 0; // no Linux
    }
  }
}
