package io.github.peft4j.methods.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.io.gguf.GgufFile;
import io.github.peft4j.io.gguf.GgufMetadata;
import io.github.peft4j.io.gguf.GgufType;
import io.github.peft4j.io.gguf.GgufWriter;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.Logged;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.Trainable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** LoRA adapters in files of llama.cpp's, which are read as they are written. */
class LoraGgufTest {

  private static final long[][] IDS = {{3, 17, 5, 29, 20}};

  @TempDir Path folder;

  private static PeftModel load() {
    return Peft.load(TinyModels.golden("tiny-llama").toString());
  }

  private static float[] logits(PeftModel model) {
    try (NDArray logits = model.logits(ModelInput.of(model.base().manager(), IDS, null))) {
      return Tensors.floats(logits);
    }
  }

  /** B is zero at first; other numbers show which rows are which. */
  private static void randomize(PeftModel model) {
    for (Trainable tensor : model.adapter("default").tensors().values()) {
      NDArray value = tensor.value();
      try (NDArray random =
          value.getManager().randomUniform(-0.4f, 0.4f, value.getShape(), value.getDataType())) {
        Tensors.copy(value, random);
      }
    }
  }

  /** Writes an adapter and returns what the model with it computes. */
  private float[] write(LoraConfig config, Path file) {
    try (PeftModel model = load().adapt(config)) {
      randomize(model);
      model.saveAdapterGguf("default", file);
      return logits(model);
    }
  }

  private static void assertComputes(float[] expected, Path file, Consumer<LoraConfig> check) {
    try (PeftModel model = load()) {
      float[] without = logits(model);
      model.loadAdapter(file.toString());
      assertThat(logits(model)).isEqualTo(expected).isNotEqualTo(without);
      check.accept((LoraConfig) model.adapter("default").config());
    }
  }

  @Test
  void anAdapterComesBackAsItWas() throws IOException {
    Path file = folder.resolve("lora.gguf");
    LoraConfig config =
        LoraConfig.ofRank(3)
            .loraAlpha(5)
            .targetModules("q_proj", "k_proj", "v_proj", "down_proj", "embed_tokens")
            .rankPattern(Map.of("down_proj", 2));
    float[] expected = write(config, file);
    assertComputes(
        expected,
        file,
        read -> {
          assertThat(read.r()).isEqualTo(3);
          assertThat(read.loraAlpha()).isEqualTo(5);
          assertThat(read.rankPattern()).hasSize(2).containsValue(2);
        });
    assertComputes(expected, folder, read -> {}); // the one file of a folder
    Path again = folder.resolve("again.gguf");
    try (PeftModel model = load().loadAdapter(file.toString())) {
      model.saveAdapterGguf("default", again);
      Path saved = folder.resolve("saved");
      model.save(saved.toString());
      assertComputes(expected, saved, read -> {});
    }
    try (GgufFile first = GgufFile.open(file);
        GgufFile second = GgufFile.open(again)) {
      assertThat(second.names()).isEqualTo(first.names());
      for (String name : first.names()) {
        assertThat(second.floats(name)).isEqualTo(first.floats(name));
      }
    }
  }

  @Test
  void scalesAreThoseOfLlamaCpp() {
    Path file = folder.resolve("lora.gguf");
    float[] expected =
        write(
            LoraConfig.ofRank(4).loraAlpha(8).useRslora(true).targetModules("q_proj", "o_proj"),
            file);
    assertComputes(expected, file, read -> assertThat(read.loraAlpha()).isEqualTo(16));
    Path ofOne = changed(file, metadata -> metadata.float32("adapter.lora.alpha", 0));
    try (PeftModel model = load().loadAdapter(ofOne.toString())) {
      assertThat(((LoraConfig) model.adapter("default").config()).loraAlpha()).isEqualTo(4);
    }
  }

  private Path changed(Path file, UnaryOperator<GgufMetadata.Builder> change) {
    Path copy = folder.resolve("changed.gguf");
    try (GgufFile stored = GgufFile.open(file)) {
      GgufMetadata metadata = change.apply(stored.metadata().toBuilder()).build();
      new GgufWriter(metadata).addAll(stored).write(copy);
    }
    return copy;
  }

  @Test
  void theLogCountsMatricesOfAnotherTypeAndSaysIfThereAreNoBlocks() {
    Path file = folder.resolve("model.gguf");
    try (PeftModel model = load()) {
      assertThat(Logged.by(() -> model.saveGguf(file, GgufType.Q4_K)))
          .contains("blocks of the usual one do not divide their rows: 15 as F16\n");
      assertThat(Logged.by(() -> model.saveGguf(file, GgufType.F16)))
          .doesNotContain("another type");
    }
    assertThat(Logged.by(() -> Peft.from(file.toString()).keepBlocks().load().close()))
        .contains("keepBlocks() keeps nothing: no weight of a layer is in blocks");
    assertThat(Logged.by(() -> Peft.load(file.toString()).close())).doesNotContain("keepBlocks");
  }

  @Test
  void whatIsNoAdapterOfTheModelIsNamed() throws IOException {
    Path file = folder.resolve("lora.gguf");
    write(LoraConfig.ofRank(2).targetModules("q_proj"), file);
    try (PeftModel model = load()) {
      assertRefused(
          model,
          changed(file, metadata -> metadata.string("general.architecture", "qwen3")),
          "general.architecture is qwen3, and the model is of llama");
      assertRefused(
          model,
          changed(file, metadata -> metadata.string("general.type", "model")),
          "general.type is model; expected adapter: it is a whole model and no adapter");
      Path whole = folder.resolve("whole.gguf");
      model.saveGguf(whole, GgufType.F32);
      assertRefused(model, whole, "it is a whole model and no adapter: load it as a model");
      assertThatThrownBy(
              () ->
                  model.loadAdapter(
                      changed(
                              file,
                              metadata -> metadata.int32s("adapter.alora.invocation_tokens", 1, 2))
                          .toString()))
          .isInstanceOf(UnsupportedMethodException.class)
          .hasMessageContaining("an activated LoRA (aLoRA)");
      assertThat(model.adapters()).isEmpty();
    }
    Files.delete(folder.resolve("changed.gguf"));
    try (PeftModel model = load()) {
      assertRefused(model, folder, "has 2 GGUF files: pass the path of one");
    }
  }

  private static void assertRefused(PeftModel model, Path file, String part) {
    assertThatThrownBy(() -> model.loadAdapter(file.toString()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(file.toString())
        .hasMessageContaining(part);
  }

  @Test
  void aMatrixWithoutItsPartnerIsNamed() {
    Path file = folder.resolve("lora.gguf");
    write(LoraConfig.ofRank(2).targetModules("q_proj"), file);
    Path half = folder.resolve("half.gguf");
    try (GgufFile stored = GgufFile.open(file);
        PeftModel model = load()) {
      GgufWriter writer = new GgufWriter(stored.metadata());
      String name = stored.names().iterator().next();
      writer.add(
          name,
          stored.tensor(name).type(),
          stored.tensor(name).shape(),
          sink -> stored.readBlocks(name, sink));
      writer.write(half);
      assertRefused(model, half, "is alone; expected");
    }
  }
}
