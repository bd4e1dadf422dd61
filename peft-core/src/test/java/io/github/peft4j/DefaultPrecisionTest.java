package io.github.peft4j;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import io.github.peft4j.kernel.Precision;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DefaultPrecisionTest {

  @ParameterizedTest
  @CsvSource({
    "90, llama, BFLOAT16", "80, llama, BFLOAT16", "120, t5, BFLOAT16", "75, llama, FLOAT16",
    "70, bert, FLOAT16", "75, t5, FLOAT32", "75, mt5, FLOAT32", "75, gemma3_text, FLOAT32"
  })
  void gpusWithoutBfloat16HaveFloat16(int capability, String family, Precision expected) {
    assertThat(DefaultPrecision.of(OptionalInt.of(capability), family)).isEqualTo(expected);
  }

  @Test
  void aGpuThatDoesNotSayItsCapabilityHasBfloat16AndTheCpuFloat32() {
    assertThat(DefaultPrecision.of(OptionalInt.empty(), "llama")).isEqualTo(Precision.BFLOAT16);
    assertThat(DefaultPrecision.of(Device.cpu(), "llama")).isEqualTo(Precision.FLOAT32);
  }
}
