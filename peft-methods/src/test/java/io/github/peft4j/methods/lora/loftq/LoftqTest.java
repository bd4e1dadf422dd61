package io.github.peft4j.methods.lora.loftq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import com.google.gson.JsonParser;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.Logged;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.LoftqConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.quantization.bitsandbytes.Int8;
import io.github.peft4j.quantization.bitsandbytes.Nf4;
import io.github.peft4j.transformer.pass.ModelInput;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** LoftQ starts as in PEFT: make_loftq.py. */
class LoftqTest {

  private static final Path GOLDEN = Path.of("src/test/resources/golden-loftq");

  @TempDir Path folder;

  private static PeftModel load(@Nullable Quantization quantization) {
    Peft.Loader loader =
        Peft.from(GOLDEN.resolve("base")).device(Device.cpu()).precision(Precision.FLOAT32);
    return (quantization == null ? loader : loader.quantize(quantization)).load();
  }

  private static LoraConfig config() {
    return LoraConfig.ofRank(4)
        .loraAlpha(4)
        .targetModules("q_proj", "v_proj", "gate_proj", "down_proj");
  }

  private static LoraConfig config(int bits, int iterations) {
    return config()
        .initLoraWeights(LoraInitialization.LOFTQ)
        .loftqConfig(new LoftqConfig(bits, iterations));
  }

  private static float[] logits(PeftModel model) {
    try (Safetensors expected = Safetensors.open(GOLDEN.resolve("expected.safetensors"));
        Scope scope = new Scope()) {
      long[] ids = expected.longs("ids");
      long[][] rows = new long[2][ids.length / 2];
      for (int i = 0; i < ids.length; i++) {
        rows[i / rows[0].length][i % rows[0].length] = ids[i];
      }
      NDArray logits = model.logits(ModelInput.of(model.base().manager(), rows, null));
      return Tensors.floats(logits);
    }
  }

  private static float[] expected(String name) {
    try (Safetensors expected = Safetensors.open(GOLDEN.resolve("expected.safetensors"))) {
      return expected.floats(name);
    }
  }

  private static double distance(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += Math.abs(a[i] - b[i]);
    }
    return sum / a.length;
  }

  @ParameterizedTest
  @CsvSource({"4, 1", "4, 5", "8, 2"})
  void startsAsInPeft(int bits, int iterations) {
    String name = "loftq-" + bits + "-" + iterations;
    long before = Tensors.live();
    try (PeftModel model = load(null)) {
      float[] plain = logits(model);
      assertThat(plain).containsExactly(expected("plain"), within(1e-4f));
      model.adapt(config(bits, iterations));
      float[] start = logits(model);
      assertThat(start).containsExactly(expected(name), within(1e-4f));
      model.loadAdapter("peft", GOLDEN.resolve(name)).activate("peft");
      assertThat(logits(model)).containsExactly(expected(name), within(1e-4f));
      model.merge();
      assertThat(logits(model)).containsExactly(expected(name), within(2e-4f));
      model.unmerge();
      model.remove("peft").remove("default");
      assertThat(logits(model)).isEqualTo(plain); // the frozen weights are what they were
    }
    assertThat(Tensors.live()).isEqualTo(before);
  }

  /** A scale other than 1 changes A and B, but not their product; PEFT forgets it. */
  @Test
  void theScaleIsTakenOut() {
    try (PeftModel model = load(null).adapt(config(4, 5).loraAlpha(16))) {
      assertThat(logits(model)).containsExactly(expected("loftq-4-5"), within(1e-4f));
    }
  }

  @Test
  void savedAdaptersAreLoaded() throws IOException {
    float[] start;
    try (PeftModel model = load(null).adapt(config(4, 2))) {
      start = logits(model);
      model.save(folder.toString());
    }
    assertThat(
            JsonParser.parseString(Files.readString(folder.resolve("adapter_config.json")))
                .getAsJsonObject()
                .get("loftq_config")
                .toString())
        .isEqualTo("{\"loftq_bits\":4,\"loftq_iter\":2}");
    try (PeftModel model = load(null).loadAdapter(folder.toString())) {
      assertThat(logits(model)).containsExactly(start, within(1e-6f));
    }
    try (PeftModel model = load(Nf4.plain())) { // two iterations quantised something else
      assertThatThrownBy(() -> model.loadAdapter(folder.toString()))
          .hasMessageContainingAll("'init_lora_weights' is loftq", "in fewer bits already (NF4)");
    }
  }

  /** A base in the same format is what one iteration quantises. */
  @Test
  void anAdapterFitsTheQuantisedBase() {
    float[] start;
    LoraConfig all = config(4, 1).targetModules("all-linear");
    try (PeftModel model = load(null).adapt(all)) {
      start = logits(model);
      model.save(folder.toString());
    }
    try (PeftModel model = load(Nf4.plain()).loadAdapter(folder.toString())) {
      assertThat(logits(model)).containsExactly(start, within(1e-4f));
      assertThatThrownBy(() -> model.adapt("new", all))
          .hasMessageContainingAll("'init_lora_weights'", "Loftq.of(config).adapt(model, plain)");
    }
  }

  @Test
  void whatQuantisingLostIsTheStart() throws IOException {
    long before = Tensors.live();
    float[] plain = expected("plain");
    float[] start;
    try (PeftModel model = load(Nf4.doubleQuantized())) {
      double lost = distance(logits(model), plain);
      try (PeftModel original = load(null)) {
        Loftq.of(config()).adapt(model, original);
      }
      start = logits(model);
      assertThat(start).containsExactly(expected("replaced"), within(1e-4f));
      assertThat(distance(start, plain)).isLessThan(lost);
      model.save(folder.toString());
    }
    assertThat(Tensors.live()).isEqualTo(before);
    String saved = Files.readString(folder.resolve("adapter_config.json"));
    assertThat(saved).contains("\"init_lora_weights\": true", "\"loftq_config\": {}");
    try (PeftModel model = load(Nf4.doubleQuantized())) {
      assertThat(Logged.by(() -> model.loadAdapter(folder.toString()))).doesNotContain("LoftQ");
      assertThat(logits(model)).isEqualTo(start);
      model.save(folder.toString()); // what it corrects is kept
    }
    for (Quantization other : Arrays.asList(null, Int8.BY_ROW)) {
      try (PeftModel model = load(other)) {
        assertThat(Logged.by(() -> model.loadAdapter(folder.toString())))
            .contains("LoftQ started this adapter", "NF4", "load the model as it was trained");
      }
    }
  }

  @Test
  void modelsThatDoNotFitAreRefused() {
    try (PeftModel plain = load(null);
        PeftModel quantized = load(Int8.BY_ROW)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Loftq.of(config()).adapt(plain, plain))
          .withMessageContaining("no target of the adapter is kept in fewer bits");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Loftq.of(config()).adapt(quantized, quantized))
          .withMessageContainingAll("q_proj.weight in fewer bits, too", "without quantize");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Loftq.of(config().r(65)).adapt(quantized, plain))
          .withMessageContainingAll("'r' is 65", "rank 64 at most");
      assertThat(quantized.adapters()).isEmpty();
    }
  }

  @Test
  void settingsAreChecked() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new LoftqConfig(2, 1))
        .withMessage("loftq_config.loftq_bits is 2; expected 4 or 8");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new LoftqConfig(4, 0))
        .withMessage("loftq_config.loftq_iter is 0; expected 1 or more");
    assertThatThrownBy(() -> config(4, 1).useDora(true))
        .hasMessageContainingAll("use_dora", "init_lora_weights is \"loftq\"");
    assertThat(config().initLoraWeights(LoraInitialization.LOFTQ).loftqConfig())
        .isEqualTo(LoftqConfig.defaults());
  }
}
