package io.github.peft4j.kernel.setting;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * OpenMP's settings for PyTorch on a CPU. By default OpenMP's threads spin while they wait for each
 * other, and there is one for each logical processor. Beside other work, or under a container's CPU
 * quota, that makes a training many times slower. peft4j therefore sets the environment variables
 * that OpenMP reads when PyTorch's libraries are loaded.
 *
 * <p>Two system properties choose, both read once, before the first model is loaded:
 *
 * <ul>
 *   <li>{@value #WAIT_POLICY}: {@code passive}, the default, lets a waiting thread sleep; {@code
 *       active} lets it spin; {@code system} leaves the environment as it is. The environment
 *       variables OMP_WAIT_POLICY, GOMP_SPINCOUNT and KMP_BLOCKTIME have precedence.
 *   <li>{@value #THREADS}: the number of threads of an operation. The default, on Linux, is the
 *       number of physical cores that the process may use, and at most its container's CPU quota;
 *       elsewhere OpenMP's own. The environment variables OMP_NUM_THREADS and MKL_NUM_THREADS and
 *       DJL's property ai.djl.pytorch.num_threads have precedence.
 * </ul>
 */
public final class OpenMp {

  /** The system property of the wait policy. */
  public static final String WAIT_POLICY = "peft4j.omp.waitPolicy";

  /** The system property of the number of threads. */
  public static final String THREADS = "peft4j.threads";

  private static final Logger LOG = LoggerFactory.getLogger(OpenMp.class);

  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Path PROCESSORS = Path.of("/sys/devices/system/cpu");

  private static boolean prepared;

  private OpenMp() {}

  /** Sets the environment of this process, on the first call only. */
  public static synchronized void prepare() {
    if (prepared) {
      return;
    }
    Map<String, String> variables =
        variables(System.getenv(), System::getProperty, defaultThreads());
    prepared = true;
    Environment.loaded("lib(gomp|iomp5|omp)")
        .ifPresent(
            library ->
                LOG.debug("{} is loaded already, and keeps the settings it has read", library));
    try {
      variables.forEach(Environment::set);
      LOG.debug("set for OpenMP: {}", variables);
    } catch (RuntimeException | LinkageError e) {
      LOG.debug("OpenMP's environment could not be set, set it yourself: {}", variables, e);
    }
  }

  /** A system property by its name. */
  interface Properties {
    @Nullable String get(String name);
  }

  /**
   * The environment variables to set.
   *
   * @param environment the environment that the process was started with
   * @param processors the default number of threads, if known
   * @throws IllegalArgumentException if a property has an invalid value
   */
  static Map<String, String> variables(
      Map<String, String> environment, Properties properties, OptionalInt processors) {
    Map<String, String> variables = new LinkedHashMap<>();
    String policy = properties.get(WAIT_POLICY);
    String wanted = policy == null ? "passive" : policy.toLowerCase(Locale.ROOT);
    if (!List.of("passive", "active", "system").contains(wanted)) {
      throw new IllegalArgumentException(
          WAIT_POLICY + " is '" + policy + "', expected passive, active or system");
    }
    if (!wanted.equals("system")
        && !hasAny(environment, "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")) {
      variables.put("OMP_WAIT_POLICY", wanted.toUpperCase(Locale.ROOT));
    }
    OptionalInt threads = threads(properties.get(THREADS), processors);
    if (threads.isPresent()
        && !hasAny(environment, "OMP_NUM_THREADS", "MKL_NUM_THREADS")
        && properties.get("ai.djl.pytorch.num_threads") == null) {
      variables.put("OMP_NUM_THREADS", Integer.toString(threads.getAsInt()));
    }
    return variables;
  }

  private static OptionalInt threads(@Nullable String property, OptionalInt otherwise) {
    if (property == null) {
      return otherwise;
    }
    if (!property.matches("[1-9]\\d{0,4}")) {
      throw new IllegalArgumentException(
          THREADS + " is '" + property + "', expected a whole number of at least 1");
    }
    return OptionalInt.of(Integer.parseInt(property));
  }

  private static boolean hasAny(Map<String, String> environment, String... names) {
    for (String name : names) {
      if (environment.containsKey(name)) {
        return true;
      }
    }
    return false;
  }

  /** The number of physical cores, limited by affinity and by a container's CPU quota. */
  private static OptionalInt defaultThreads() {
    int cores = physicalCores(PROCESSORS, allowed(STATUS));
    return cores == 0
        ? OptionalInt.empty()
        : OptionalInt.of(Math.min(cores, Runtime.getRuntime().availableProcessors()));
  }

  /**
   * The number of distinct cores among some logical processors, or 0 if Linux does not report it.
   *
   * @param folder the folder with cpu0, cpu1, …
   * @param allowed the logical processors that count; all if empty
   */
  static int physicalCores(Path folder, BitSet allowed) {
    Set<String> cores = new HashSet<>();
    if (!Files.isDirectory(folder)) {
      return 0;
    }
    try (DirectoryStream<Path> processors = Files.newDirectoryStream(folder, "cpu[0-9]*")) {
      for (Path processor : processors) {
        int number = Integer.parseInt(processor.getFileName().toString().substring(3));
        Path siblings = processor.resolve("topology/thread_siblings_list");
        if ((allowed.isEmpty() || allowed.get(number)) && Files.isReadable(siblings)) {
          cores.add(Files.readString(siblings).strip());
        }
      }
    } catch (IOException | NumberFormatException e) {
      LOG.debug("the physical cores are unknown", e);
      return 0;
    }
    return cores.size();
  }

  /** The processors that a status file of /proc allows, or none if it does not list them. */
  static BitSet allowed(Path status) {
    BitSet allowed = new BitSet();
    for (String line : Environment.lines(status)) {
      if (line.startsWith("Cpus_allowed_list:")) {
        for (String range : line.substring(line.indexOf(':') + 1).strip().split(",", -1)) {
          String[] ends = range.split("-", 2);
          allowed.set(Integer.parseInt(ends[0]), Integer.parseInt(ends[ends.length - 1]) + 1);
        }
      }
    }
    return allowed;
  }
}
