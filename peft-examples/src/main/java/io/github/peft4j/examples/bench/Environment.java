package io.github.peft4j.examples.bench;

import ai.djl.pytorch.jni.JniUtils;
import ai.djl.pytorch.jni.LibUtils;
import ai.djl.util.Platform;
import ai.djl.util.Utils;
import io.github.peft4j.adapter.Provenance;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** What a measurement ran on. PyTorch has to be loaded. */
final class Environment {

  private static final String UNKNOWN = "unknown";
  private static final String OTHER_TORCH = "PYTORCH_LIBRARY_PATH";

  private Environment() {}

  /** Card, driver, processor and versions, by name. */
  static Map<String, Object> facts(boolean gpu) {
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
    facts.put("natives", natives());
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

  private static Stream<String> lines(Path file) {
    try {
      return Files.isReadable(file) ? Files.readAllLines(file).stream() : Stream.empty();
    } catch (IOException e) {
      return Stream.empty();
    }
  }

  /**
   * Whose libraries run: {@code stock} if libtorch has the version that DJL expects and no variable
   * names another, and if the JNI library is byte for byte one of DJL's jar.
   */
  private static String natives() {
    Platform expected = Platform.fromSystem("pytorch");
    boolean other =
        Utils.getEnvOrSystemProperty(OTHER_TORCH) != null
            || !LibUtils.getVersion().startsWith(expected.getVersion());
    String torch = other ? "libtorch not of DJL" : "";
    String jni = jni(expected);
    List<String> differences = Stream.of(torch, jni).filter(text -> !text.isEmpty()).toList();
    return differences.isEmpty() ? "stock" : String.join(", ", differences);
  }

  private static String jni(Platform expected) {
    Optional<Path> loaded =
        lines(Path.of("/proc/self/maps"))
            .filter(line -> line.contains("djl_torch"))
            .map(line -> Path.of(line.substring(line.indexOf('/'))))
            .findFirst();
    if (loaded.isEmpty()) {
      return "JNI unknown";
    }
    byte[] bytes = bytes(loaded.get());
    boolean stock =
        Stream.of("cpu", expected.getFlavor(), "cu128")
            .map(flavor -> "/jnilib/linux-x86_64/" + flavor + "/libdjl_torch.so")
            .anyMatch(resource -> Arrays.equals(bytes, bytes(resource)));
    return stock ? "" : "JNI not of DJL's jar";
  }

  private static byte[] bytes(Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static byte[] bytes(String resource) {
    try (InputStream in = LibUtils.class.getResourceAsStream(resource)) {
      return in == null ? new byte[0] : in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
