package io.github.peft4j.methods;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.config.CompositeConfig;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.bitfit.BitFitConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.methods.prompttuning.PromptTuningConfig;
import io.github.peft4j.transformer.pass.ModelInput;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Adapters of several parts; the contract of methods has rows of them too. */
class CompositeTest {

  private static final long[][] IDS = {{5, 6, 7, 8, 9}, {9, 4, 30, 5, 11}};

  @TempDir Path folder;

  private static PeftModel load() {
    return Peft.load(TinyModels.golden("tiny-bert").toString());
  }

  private static float[] logits(PeftModel model) {
    return Tensors.floats(model.logits(ModelInput.of(model.base().manager(), IDS, null)));
  }

  /** A LoRA with an effect. */
  private static LoraConfig lora(String... modules) {
    return LoraConfig.ofRank(2).targetModules(modules).initLoraWeights(LoraInitialization.RANDOM);
  }

  @Test
  void partsComputeAsStackedAdaptersDo() {
    PeftConfig first = lora("query", "value");
    PeftConfig second = lora("query", "intermediate.dense");
    try (PeftModel model = load()) {
      model.adapt("both", CompositeConfig.of(first, second));
      model.save("both", folder);
      model.loadAdapter("one", folder.resolve("0_lora"));
      model.loadAdapter("two", folder.resolve("1_lora"));
      model.activate(Composition.of("both"));
      float[] together = logits(model);
      model.activate(Composition.stack("one", "two"));
      assertThat(together).containsExactly(logits(model), Offset.offset(1e-6f));
      model.activate(Composition.of("one"));
      assertThat(together).isNotEqualTo(logits(model));
    }
  }

  @Test
  void eachPartIsAFolderOfPeft() throws IOException {
    try (PeftModel model = load()) {
      model.adapt(CompositeConfig.of(lora("query"), PromptTuningConfig.ofVirtualTokens(3)));
      model.save(folder.toString());
    }
    assertThat(folder.resolve("adapter_config.json"))
        .content()
        .contains("COMPOSITE", "0_lora", "1_prompt_tuning");
    assertThat(folder.resolve("0_lora/adapter_config.json")).content().contains("\"classifier\"");
    assertThat(folder.resolve("1_prompt_tuning/adapter_config.json"))
        .content()
        .contains("\"modules_to_save\": null");
    try (Stream<Path> files = Files.walk(folder)) {
      assertThat(files.filter(Files::isRegularFile).map(Path::getFileName).map(Path::toString))
          .filteredOn(name -> name.endsWith(".safetensors"))
          .hasSize(2);
    }
  }

  @Test
  void twoPartsMayNotTrainTheSameTensor() {
    try (PeftModel model = load()) {
      PeftConfig biases = CompositeConfig.of(lora("query").bias("all"), BitFitConfig.defaults());
      assertThatThrownBy(() -> model.adapt(biases))
          .hasMessageContaining("two parts of an adapter train bert.")
          .hasMessageContaining("leave it to one of them");
      assertThat(model.adapters()).isEmpty();
    }
  }

  @Test
  void aFileMustListFolders() throws IOException {
    Files.writeString(
        folder.resolve("adapter_config.json"),
        "{\"peft_type\": \"COMPOSITE\", \"parts\": [\"../a\", \"b\"]}");
    try (PeftModel model = load()) {
      assertThatThrownBy(() -> model.loadAdapter(folder.toString()))
          .hasMessageContaining("field 'parts' is [\"../a\",\"b\"]")
          .hasMessageContaining("expected the names of two subfolders or more");
    }
    assertThatThrownBy(() -> CompositeConfig.of(lora("query")))
        .hasMessageContaining("expected two configs or more");
  }
}
