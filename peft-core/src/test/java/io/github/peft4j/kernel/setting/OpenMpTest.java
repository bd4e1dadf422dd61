package io.github.peft4j.kernel.setting;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.toy.FreshJvm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class OpenMpTest {

  @TempDir Path folder;

  @Test
  void waitsPassivelyOnPhysicalCoresByDefault() {
    assertThat(variables(Map.of(), Map.of()))
        .containsExactly(
            Map.entry("OMP_WAIT_POLICY", "PASSIVE"), Map.entry("OMP_NUM_THREADS", "6"));
  }

  @Test
  void propertiesChoose() {
    assertThat(variables(Map.of(), Map.of(OpenMp.WAIT_POLICY, "Active", OpenMp.THREADS, "3")))
        .containsExactly(Map.entry("OMP_WAIT_POLICY", "ACTIVE"), Map.entry("OMP_NUM_THREADS", "3"));
    assertThat(variables(Map.of(), Map.of(OpenMp.WAIT_POLICY, "system")))
        .containsExactly(Map.entry("OMP_NUM_THREADS", "6"));
    assertThat(OpenMp.variables(Map.of(), name -> null, OptionalInt.empty()))
        .containsExactly(Map.entry("OMP_WAIT_POLICY", "PASSIVE"));
  }

  @Test
  void theUsersEnvironmentGoesFirst() {
    Map<String, String> properties = Map.of(OpenMp.WAIT_POLICY, "passive", OpenMp.THREADS, "3");
    for (String name : List.of("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")) {
      assertThat(variables(Map.of(name, "0"), properties)).containsOnlyKeys("OMP_NUM_THREADS");
    }
    for (String name : List.of("OMP_NUM_THREADS", "MKL_NUM_THREADS")) {
      assertThat(variables(Map.of(name, "2"), properties)).containsOnlyKeys("OMP_WAIT_POLICY");
    }
    assertThat(variables(Map.of(), Map.of("ai.djl.pytorch.num_threads", "2")))
        .containsOnlyKeys("OMP_WAIT_POLICY");
  }

  @Test
  void refusesValuesThatMeanNothing() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> variables(Map.of(), Map.of(OpenMp.WAIT_POLICY, "lazy")))
        .withMessage("peft4j.omp.waitPolicy is 'lazy', expected passive, active or system");
    for (String threads : List.of("0", "-1", "two", "")) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> variables(Map.of(), Map.of(OpenMp.THREADS, threads)))
          .withMessageContaining("peft4j.threads is '" + threads + "'");
    }
  }

  private static Map<String, String> variables(
      Map<String, String> environment, Map<String, String> properties) {
    return OpenMp.variables(environment, properties::get, OptionalInt.of(6));
  }

  @Test
  void twoThreadsOfACoreCountOnce() throws IOException {
    for (int cpu = 0; cpu < 4; cpu++) {
      Path topology = Files.createDirectories(folder.resolve("cpu" + cpu + "/topology"));
      Files.writeString(topology.resolve("thread_siblings_list"), cpu % 2 + "," + (cpu % 2 + 2));
    }
    Files.createDirectories(folder.resolve("cpufreq"));

    assertThat(OpenMp.physicalCores(folder, new BitSet())).isEqualTo(2);
    assertThat(OpenMp.physicalCores(folder, allowed("0,2"))).isEqualTo(1);
    assertThat(OpenMp.physicalCores(folder, allowed("1-2"))).isEqualTo(2);
    assertThat(OpenMp.physicalCores(folder.resolve("none"), new BitSet())).isZero();
  }

  private BitSet allowed(String list) throws IOException {
    Path status = folder.resolve("status");
    Files.writeString(status, "Cpus_allowed:\tf\nCpus_allowed_list:\t" + list + "\n");
    return OpenMp.allowed(status);
  }

  /** In a fresh process without the variables: libgomp prints what it has read. */
  @Test
  @EnabledOnOs(OS.LINUX)
  void reachesOpenMpBeforePyTorchIsLoaded() throws IOException, InterruptedException {
    assertThat(displayed())
        .contains("OMP_WAIT_POLICY = 'PASSIVE'")
        .contains("GOMP_SPINCOUNT = '0'");
    assertThat(displayed("-Dpeft4j.omp.waitPolicy=active", "-Dpeft4j.threads=3"))
        .contains("OMP_WAIT_POLICY = 'ACTIVE'")
        .contains("OMP_NUM_THREADS = '3'");
  }

  private String displayed(String... properties) throws IOException, InterruptedException {
    Path output = folder.resolve("output.txt");
    List<String> options = new ArrayList<>(List.of(properties));
    options.add("-Dai.djl.offline=true");
    ProcessBuilder builder = FreshJvm.of(options, StartsPyTorch.class);
    builder.environment().keySet().removeIf(name -> name.matches("(OMP|GOMP|KMP|MKL)_.*"));
    builder.environment().put("OMP_DISPLAY_ENV", "VERBOSE");
    Process process = builder.redirectErrorStream(true).redirectOutput(output.toFile()).start();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return Files.readString(output);
  }

  /** A program that does nothing else. */
  static final class StartsPyTorch {
    public static void main(String... args) {
      var unused = PyTorch.engine();
    }
  }
}
