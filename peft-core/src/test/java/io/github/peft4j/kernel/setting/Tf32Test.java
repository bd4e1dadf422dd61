package io.github.peft4j.kernel.setting;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.sun.jna.Function;
import com.sun.jna.Pointer;
import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.toy.FreshJvm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class Tf32Test {

  @TempDir Path folder;

  @Test
  void nothingIsSetWithoutTheProperty() {
    assertThat(Tf32.variables(null, Map.of("NVIDIA_TF32_OVERRIDE", "0"))).isEmpty();
  }

  @Test
  void thePropertyChooses() {
    assertThat(Tf32.variables("On", Map.of()))
        .containsOnly(Map.entry("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "1"));
    assertThat(Tf32.variables("off", Map.of("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "1")))
        .containsOnly(
            Map.entry("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "0"),
            Map.entry("NVIDIA_TF32_OVERRIDE", "0"));
  }

  @Test
  void refusesWhatMeansNothing() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Tf32.variables("high", Map.of()))
        .withMessage("peft4j.tf32 is 'high', expected on or off");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Tf32.variables("on", Map.of("NVIDIA_TF32_OVERRIDE", "0")))
        .withMessageContaining("NVIDIA_TF32_OVERRIDE=0 in the environment turns TF32 off");
  }

  /** In fresh processes: PyTorch's own flag for matrix products. */
  @Test
  @EnabledOnOs(OS.LINUX)
  void reachesPyTorchBeforeItIsLoaded() throws IOException, InterruptedException {
    assertThat(flag()).contains("TF32: false");
    assertThat(flag("-Dpeft4j.tf32=on")).contains("TF32: true");
  }

  private String flag(String... properties) throws IOException, InterruptedException {
    Path output = folder.resolve("output.txt");
    List<String> options = new ArrayList<>(List.of(properties));
    options.add("-Dai.djl.offline=true");
    ProcessBuilder builder = FreshJvm.of(options, SaysPyTorchsFlag.class);
    builder.environment().keySet().removeIf(name -> name.contains("TF32"));
    Process process = builder.redirectErrorStream(true).redirectOutput(output.toFile()).start();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return Files.readString(output);
  }

  /** Asks {@code at::globalContext().allowTF32CuBLAS()}. */
  static final class SaysPyTorchsFlag {
    public static void main(String... args) {
      var unused = PyTorch.engine();
      String library = Environment.loaded("libtorch_cpu").orElseThrow();
      Pointer context =
          Function.getFunction(library, "_ZN2at13globalContextEv").invokePointer(null);
      int flag =
          Function.getFunction(library, "_ZNK2at7Context15allowTF32CuBLASEv")
              .invokeInt(new Object[] {context});
      System.out.println("TF32: " + ((flag & 0xff) != 0));
    }
  }
}
