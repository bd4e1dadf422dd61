package io.github.peft4j.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.kernel.PyTorch;
import org.junit.jupiter.api.Test;

class KernelCasesTest {

  @Test
  void everyCaseRunsAndSaysHowLongItTook() {
    long gpus = PyTorch.engine().getGpuCount();
    try (KernelCases cases = new KernelCases(3, 64, 10)) {
      assertThat(cases.all()).hasSize(8);
      for (KernelCase one : cases.all()) {
        JsonObject line = JsonParser.parseString(one.measure(2, 0)).getAsJsonObject();
        assertThat(line.get("kernel").getAsString()).isEqualTo(one.name());
        assertThat(line.get("us").getAsDouble()).isPositive();
        assertThat(line.get("bytes").getAsLong()).isEqualTo(one.bytes());
        assertThat(line.get("cuda_texts").getAsLong())
            .isEqualTo(gpus == 0 ? 0 : one.name().endsWith("back") ? 2 : 1);
      }
    }
  }
}
