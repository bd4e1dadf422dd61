package io.github.peft4j.examples.bench;

import ai.djl.pytorch.jni.JniUtils;
import io.github.peft4j.adapter.Provenance;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** What a measurement ran on. PyTorch has to be loaded. */
public final class Environment {

  private static final String UNKNOWN = "unknown";

  private Environment() {}

  /** Card, driver, processor and versions, by name. */
  public static Map<String, Object> facts(boolean gpu) {
    Map<String, String> versions = Provenance.runningVersions();
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("device", gpu ? "gpu" : "cpu");
    if (gpu) {
      facts.put("card", NvidiaSmi.query("name").orElse(UNKNOWN));
      facts.put("driver", NvidiaSmi.query("driver_version").orElse(UNKNOWN));
    }
    facts.put("cpu", processor());
    facts.put("cores", Runtime.getRuntime().availableProcessors());
    facts.put("threads", JniUtils.getNumThreads());
    facts.put("load", load());
    facts.put("libtorch", versions.getOrDefault("pytorch", UNKNOWN));
    facts.put("natives", Natives.origin());
    facts.put("djl", versions.getOrDefault("djl", UNKNOWN));
    facts.put(
        "jdk",
        System.getProperty("java.vm.name", UNKNOWN) + " " + versions.getOrDefault("java", UNKNOWN));
    return facts;
  }

  /** Frees what PyTorch keeps, so that the next case's memory is its own. */
  static void release(boolean gpu) {
    if (gpu) {
      System.gc();
      JniUtils.emptyCudaCache();
    }
  }

  /** Mebibytes that are in use, by name. */
  static Map<String, Object> memory(boolean gpu) {
    Map<String, Object> memory = new LinkedHashMap<>();
    if (gpu) {
      NvidiaSmi.memoryInUse().ifPresent(used -> memory.put("device_memory_mib", used));
      List<Long> all = NvidiaSmi.memoriesInUse();
      if (all.size() > 1) {
        memory.put("device_memories_mib", all);
      }
    }
    field(Path.of("/proc/self/status"), "VmHWM")
        .map(peak -> Long.parseLong(peak.replaceAll("\\D", "")) / 1024)
        .ifPresent(peak -> memory.put("peak_rss_mib", peak));
    return memory;
  }

  private static double load() {
    return Numbers.rounded(ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage());
  }

  private static String processor() {
    return field(Path.of("/proc/cpuinfo"), "model name")
        .orElse(System.getProperty("os.arch", UNKNOWN));
  }

  /** The value of a line {@code name: value}. */
  private static Optional<String> field(Path file, String name) {
    return lines(file)
        .filter(line -> line.startsWith(name))
        .map(line -> line.substring(line.indexOf(':') + 1).strip())
        .findFirst();
  }

  /** The lines of a file; none if it cannot be read. */
  static Stream<String> lines(Path file) {
    try {
      return Files.isReadable(file) ? Files.readAllLines(file).stream() : Stream.empty();
    } catch (IOException e) {
      return Stream.empty();
    }
  }
}
