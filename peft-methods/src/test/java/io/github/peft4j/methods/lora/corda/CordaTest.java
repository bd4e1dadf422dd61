package io.github.peft4j.methods.lora.corda;

import static io.github.peft4j.methods.adapter.Closeness.assertClose;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.EncodedExample.Alignment;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.PlainLora;
import io.github.peft4j.methods.lora.init.CordaConfig;
import io.github.peft4j.methods.lora.init.CordaMethod;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.transformer.pass.ModelInput;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** CorDA's start against PEFT's, and what an adapter needs that started so. */
class CordaTest {

  private static final LoraConfig CONFIG = LoraConfig.ofRank(2).targetModules("q_proj", "v_proj");
  private static final Examples<?> TEXTS =
      Examples.of(new TextExample("w3 w4 w5"), new TextExample("w9 w8 w7 w6"));

  @TempDir Path folder;

  private static float[] logits(PeftModel model) {
    long[][] ids = {{5, 6, 7, 8, 9, 4}};
    try (NDArray logits = model.logits(ModelInput.of(model.base().manager(), ids, null))) {
      return Tensors.floats(logits);
    }
  }

  @Test
  void partsAreThoseOfPeft() throws IOException {
    comparesWithPeft(
        "tiny-llama/corda-ipm",
        LoraConfig.ofRank(3)
            .loraAlpha(6)
            .rankPattern(Map.of("mlp.down_proj", 2))
            .targetModules("q_proj", "v_proj", "down_proj"));
  }

  @Test
  void leastPartsOfTransposedWeightsAreThoseOfPeft() throws IOException {
    comparesWithPeft(
        "tiny-gpt2-left/corda-kpm",
        LoraConfig.ofRank(2)
            .loraAlpha(1)
            .fanInFanOut(true)
            .cordaConfig(CordaConfig.defaults().cordaMethod(CordaMethod.KPM))
            .targetModules("c_attn", "c_proj"));
  }

  /** Signs of singular vectors are free: A and B may both change them. */
  private static void comparesWithPeft(String name, LoraConfig config) throws IOException {
    Path golden = TinyModels.golden(name);
    try (TensorSource source = Safetensors.open(golden.resolve("corda.safetensors"));
        PeftModel model = Peft.load(requireNonNull(golden.getParent()).toString())) {
      List<Batch> texts = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        long[] ids = source.longs(i + ".input_ids");
        long[] ones = new long[ids.length];
        Arrays.fill(ones, 1);
        texts.add(
            new Batch(
                new long[][] {ids},
                new long[][] {ones},
                null,
                new long[][] {ids},
                Alignment.TOKEN));
      }
      float[] frozen = logits(model);
      Corda.of(config).adapt(PeftModel.DEFAULT, model, texts);
      assertClose("logits at the start", logits(model), frozen, 1e-5);
      var tensors = model.adapter(PeftModel.DEFAULT).tensors();
      int modules = 0;
      for (String key : tensors.keySet()) {
        if (key.endsWith("lora_A.weight")) {
          String b = key.replace("lora_A", "lora_B");
          float[][] mine = {
            floats(requireNonNull(tensors.get(key))), floats(requireNonNull(tensors.get(b)))
          };
          float[][] theirs = {peft(source, key), peft(source, b)};
          int r = (int) source.info(peftName(key)).shape()[0];
          assertClose(key, abs(mine[0]), abs(theirs[0]), 1e-3);
          assertClose(b, abs(mine[1]), abs(theirs[1]), 1e-3);
          assertClose("B A of " + key, product(mine, r), product(theirs, r), 1e-3);
          modules++;
        }
      }
      assertThat(modules)
          .isEqualTo((int) source.names().stream().filter(n -> n.contains("lora_A")).count());
      JsonObject ours = json(model.adapter(PeftModel.DEFAULT).parts().get(0).configText());
      JsonObject pefts = json(Files.readString(golden.resolve("adapter_config.json")));
      for (String field : List.of("init_lora_weights", "corda_config", "rank_pattern")) {
        assertThat(ours.get(field)).as(field).isEqualTo(pefts.get(field));
      }
    }
  }

  private static float[] floats(io.github.peft4j.tuner.Trainable tensor) {
    return Tensors.floats(tensor.value());
  }

  private static String peftName(String key) {
    return key.replace(".weight", ".default.weight");
  }

  private static float[] peft(TensorSource source, String key) {
    return source.floats(peftName(key));
  }

  private static float[] abs(float[] values) {
    float[] all = new float[values.length];
    for (int i = 0; i < all.length; i++) {
      all[i] = Math.abs(values[i]);
    }
    return all;
  }

  /** B [out, r] times A [r, in]. */
  private static float[] product(float[][] factors, int r) {
    int in = factors[0].length / r;
    int out = factors[1].length / r;
    float[] product = new float[out * in];
    for (int o = 0; o < out; o++) {
      for (int i = 0; i < in; i++) {
        for (int k = 0; k < r; k++) {
          product[o * in + i] += factors[1][o * r + k] * factors[0][k * in + i];
        }
      }
    }
    return product;
  }

  private static JsonObject json(String text) {
    return JsonParser.parseString(text).getAsJsonObject();
  }

  private PeftModel llama() {
    Path copy = folder.resolve("llama");
    return Peft.load((Files.exists(copy) ? copy : TinyModels.copy("tiny-llama", copy)).toString());
  }

  @Test
  void aFolderHasTheStartAndWithoutItIsRefused() throws IOException {
    Path adapter = folder.resolve("adapter");
    try (PeftModel model = llama();
        PeftModel again = llama()) {
      Corda.of(CONFIG).adapt(model, TEXTS);
      FineTuner.of(model).on(TEXTS).steps(3).learningRate(1e-2).quiet().run();
      float[] trained = logits(model);
      model.save(adapter.toString());
      again.loadAdapter(adapter.toString());
      assertClose("loaded", logits(again), trained, 1e-6);
      again.merge();
      assertClose("merged", logits(again), trained, 1e-5);
      again.unmerge();
      PlainLora.of(again, PeftModel.DEFAULT, "plain");
      assertClose("plain", logits(again), trained, 1e-5);

      Files.delete(adapter.resolve("peft4j_training.safetensors"));
      assertThatThrownBy(() -> again.loadAdapter("bare", adapter))
          .isInstanceOf(UnsupportedMethodException.class)
          .hasMessageContaining("lacks what was taken off the weights");
      assertThat(again.adapters().keySet()).doesNotContain("bare");
    }
  }

  @Test
  void whatCannotStartIsRefused() {
    try (PeftModel model = llama()) {
      assertThatThrownBy(() -> model.adapt(CONFIG.initLoraWeights(LoraInitialization.CORDA)))
          .hasMessageContaining("Corda.of(config).adapt(model, examples)");
      assertThat(model.adapters()).isEmpty();
      assertThatThrownBy(
              () -> Corda.of(CONFIG.cordaConfig(CordaConfig.defaults().cacheFile("a.pt"))))
          .hasMessageContaining("cache_file");
      assertThatThrownBy(() -> Corda.of(CONFIG).adapt("none", model, List.of()))
          .hasMessageContaining("no example reached model.layers.0.self_attn.q_proj");
      assertThatThrownBy(() -> Corda.of(CONFIG.r(99)).adapt(model, TEXTS))
          .hasMessageContaining("expected 'r' or its 'rank_pattern' up to");
      assertThat(model.adapters()).isEmpty();
    }
  }
}
