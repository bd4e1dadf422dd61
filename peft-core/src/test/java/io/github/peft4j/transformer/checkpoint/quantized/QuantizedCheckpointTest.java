package io.github.peft4j.transformer.checkpoint.quantized;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import com.google.gson.JsonObject;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.quantization.groups.Groups;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.QuantizedWeights;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.site.ParameterSite;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Checkpoints that transformers, AutoGPTQ and AutoAWQ would have written: make_quantized.py. */
class QuantizedCheckpointTest {

  static final Path FOLDERS = Path.of("src/test/resources/quantized-checkpoints");

  private static PeftModel load(String name, Precision precision) {
    return Peft.from(FOLDERS.resolve(name)).device(Device.cpu()).precision(precision).load();
  }

  /** The logits of a model for the ids in a file, and those in the file. */
  private static void assertComputes(String name, PeftModel model, float tolerance) {
    try (Safetensors expected =
            Safetensors.open(FOLDERS.resolve(name).resolve("expected.safetensors"));
        Scope scope = new Scope()) {
      long[] ids = expected.longs("ids");
      int rows = (int) expected.info("ids").shape()[0];
      long[][] texts = new long[rows][ids.length / rows];
      for (int i = 0; i < ids.length; i++) {
        texts[i / texts[0].length][i % texts[0].length] = ids[i];
      }
      NDArray logits = model.logits(ModelInput.of(model.base().manager(), texts, null));
      assertThat(Tensors.floats(logits))
          .containsExactly(expected.floats("logits"), within(tolerance));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "nf4, 7",
    "nf4-double, 7",
    "fp4, 7",
    "nf4-gpt2, 3", // mlp.c_fc is among llm_int8_skip_modules
    "int8, 7",
    "int8-gpt2, 4",
    "gptq, 7",
    "gptq-order, 7",
    "gptq-v2, 7",
    "gptq-8bit, 7",
    "awq, 7"
  })
  void computesAsTransformers(String name, int matrices) {
    long before = Tensors.live();
    try (PeftModel model = load(name, Precision.FLOAT32)) {
      List<ParameterSite> quantized =
          model.base().parameters().filter(ParameterSite::isQuantized).toList();
      assertThat(quantized).hasSize(matrices);
      assertComputes(name, model, 2e-4f);
    }
    assertThat(Tensors.live()).isEqualTo(before);
  }

  @Test
  void halfPrecision() {
    try (PeftModel model = load("gptq-order", Precision.BFLOAT16)) {
      assertComputes("gptq-order", model, 0.15f);
    }
  }

  @Test
  void aQuantisedCheckpointIsNotQuantisedAgain() {
    assertThatThrownBy(
            () ->
                Peft.from(FOLDERS.resolve("gptq"))
                    .device(Device.cpu())
                    .quantize(new Groups(4, 32))
                    .load())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll("config.json", "quantised already, GPTQ", "without quantize(int4");
  }

  /** What libraries write is known; another field may say something that the tensors do not. */
  @ParameterizedTest
  @ValueSource(strings = {"nf4-double", "int8", "gptq-order", "gptq-8bit", "awq"})
  void settingsThatNobodyKnowsAreSaid(String name) {
    ModelConfig config = ModelConfig.read(FOLDERS.resolve(name));
    JsonObject json = config.json();
    try (Safetensors file = Safetensors.open(FOLDERS.resolve(name).resolve("model.safetensors"))) {
      QuantizedWeights known = QuantizedWeights.of(config).orElseThrow();
      assertThat(new QuantizedCheckpoint(file, known).names()).isNotEmpty();
      assertThat(known.unread()).isEmpty();
      json.getAsJsonObject("quantization_config").addProperty("rotation", "hadamard");
      QuantizedWeights other =
          QuantizedWeights.of(ModelConfig.of(json, "config.json")).orElseThrow();
      assertThat(new QuantizedCheckpoint(file, other).names()).isNotEmpty();
      assertThat(other.unread())
          .containsExactly(Map.entry("quantization_config.rotation", "\"hadamard\""));
    }
  }
}
