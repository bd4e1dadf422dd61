package io.github.peft4j.examples;

import io.github.peft4j.PeftModel;
import io.github.peft4j.examples.bench.NvidiaSmi;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

/**
 * The peak of the memory in use since its start: on a GPU that of the whole device, otherwise that
 * of the process in main memory. It samples ten times a second, or once a second on a GPU, so a
 * short peak can be missed. Memory that PyTorch and Java keep from an earlier, larger peak counts:
 * {@link MethodProcesses} gives each training a process of its own.
 */
final class PeakMemory implements AutoCloseable {

  private static final Path STATUS = Path.of("/proc/self/status");

  private final boolean gpu;
  private final AtomicLong peak = new AtomicLong(-1);
  private final ScheduledExecutorService watch =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "peak-memory");
            thread.setDaemon(true);
            return thread;
          });

  /** Starts sampling, without the garbage that reading the data has left. */
  PeakMemory(PeftModel model) {
    System.gc();
    gpu = model.base().device().isGpu();
    var unused =
        watch.scheduleWithFixedDelay(this::look, 0, gpu ? 1000 : 100, TimeUnit.MILLISECONDS);
  }

  /** The peak in mebibytes, or nothing if the system does not report it. */
  OptionalLong mebibytes() {
    look();
    return peak.get() < 0 ? OptionalLong.empty() : OptionalLong.of(peak.get());
  }

  private void look() {
    long now = gpu ? NvidiaSmi.memoryInUse().orElse(-1) : resident();
    peak.accumulateAndGet(now, Math::max);
  }

  private static long resident() {
    if (!Files.isReadable(STATUS)) {
      return -1;
    }
    try (Stream<String> lines = Files.lines(STATUS)) {
      return lines
          .filter(line -> line.startsWith("VmRSS:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) / 1024)
          .findFirst()
          .orElse(-1);
    } catch (IOException e) {
      return -1;
    }
  }

  @Override
  public void close() {
    watch.shutdownNow();
  }
}
