package io.github.peft4j.train;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.peft4j.toy.FreshJvm;
import io.github.peft4j.toy.TinyLlama;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * How the memory of a pass grows with the length T of a text. It is counted in hidden states: one
 * is T · D floats. On a CPU the inputs of layers stay in the same memory.
 */
class PeakMemoryTest {

  private static final int LAYERS = 3;

  /** As a Llama, but with as many heads of keys: PyTorch does not fuse grouped queries on a CPU. */
  private static final TinyLlama.Sizes SIZES =
      new TinyLlama.Sizes(256, 1024, 4, 4, LAYERS, 1 << 16);

  private static final int SHORT = 2048;
  private static final int LONG = 4096;

  @TempDir Path folder;

  @Test
  void eachWayTakesAsMuchAsItSays() throws Exception {
    assumeTrue(PeakMemory.isKnown(), "the system does not tell the peak");
    TinyLlama.write(folder, SIZES);
    Map<String, Long> peaks = new HashMap<>();
    for (String line : lines()) {
      String[] words = line.split(" ", -1);
      peaks.put(words[0] + " " + words[1], Long.parseLong(words[2]));
    }
    for (String mode : List.of("KEPT", "RECOMPUTED", "ON_HOST")) {
      assertThat(states(peaks, mode, LONG) * LONG)
          .as("%s, which grows with T and not with T²", mode)
          .isLessThan(2.2 * SHORT * states(peaks, mode, SHORT));
    }
    assertThat(states(peaks, "KEPT", LONG)).as("what all layers keep").isGreaterThan(16 * LAYERS);
    assertThat(states(peaks, "RECOMPUTED", LONG)).as("inputs, a layer").isLessThan(LAYERS + 37);
    assertThat(states(peaks, "ON_HOST", LONG)).as("inputs, parts").isLessThan(LAYERS + 13);
  }

  /** A peak, in hidden states. */
  private static double states(Map<String, Long> peaks, String mode, int tokens) {
    return requireNonNull(peaks.get(mode + " " + tokens)) / (4.0 * tokens * SIZES.hidden());
  }

  private List<String> lines() throws IOException, InterruptedException {
    List<String> options =
        new ArrayList<>(
            List.of(
                "-Xms256m",
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "-XX:+AlwaysPreTouch",
                "-XX:TieredStopAtLevel=1"));
    options.add("-Dai.djl.offline=true");
    ProcessBuilder builder =
        FreshJvm.of(options, PeakMemory.class, folder.toString(), "128", "" + SHORT, "" + LONG);
    builder.environment().put("MALLOC_MMAP_THRESHOLD_", "65536"); // what is freed is given back
    builder.environment().put("MALLOC_TRIM_THRESHOLD_", "0");
    builder.environment().put("MALLOC_TOP_PAD_", "0");
    builder.environment().put("OPT_OUT_TRACKING", "true");
    Process process = builder.redirectError(ProcessBuilder.Redirect.DISCARD).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
    return said.lines().toList();
  }
}
