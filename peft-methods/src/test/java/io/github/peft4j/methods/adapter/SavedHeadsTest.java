package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import com.google.gson.JsonObject;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.io.JsonFile;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.Trainable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Heads of saved models, and of models that are loaded for other classes. */
class SavedHeadsTest {

  @TempDir Path folder;

  private static float[] logits(PeftModel model) {
    try (NDArray logits =
        model.logits(ModelInput.of(model.base().manager(), new long[][] {{3, 4, 5, 6}}, null))) {
      return Tensors.floats(logits);
    }
  }

  private static float[] values(Path model, String name) {
    try (TensorSource tensors = Safetensors.open(model.resolve("model.safetensors"))) {
      return tensors.floats(name);
    }
  }

  /** transformers reads the second name of the bias if the output is no longer the token table. */
  @Test
  void aMaskedLanguageModelThatIsNoLongerTiedKeepsItsBias() throws IOException {
    TinyModels.copy("tiny-bert-mlm", folder);
    Path merged = folder.resolve("merged");
    float[] expected;
    try (PeftModel model = Peft.load(folder.toString())) {
      model.adapt(LoraConfig.ofRank(2).targetModules("word_embeddings"));
      for (Trainable trainable : model.trainables()) {
        trainable.value().addi(0.1f);
      }
      expected = logits(model);
      model.saveMerged(merged.toString());
    }
    assertThat(values(merged, "cls.predictions.decoder.bias"))
        .isEqualTo(values(merged, "cls.predictions.bias"));
    try (PeftModel model = Peft.load(merged.toString())) {
      assertThat(logits(model)).containsExactly(expected, within(1e-5f));
    }
  }

  private void nameClasses(String... names) throws IOException {
    TinyModels.copy("tiny-bert", folder);
    Path file = folder.resolve("config.json");
    JsonObject config = JsonFile.read(file);
    JsonObject labels = new JsonObject();
    for (int i = 0; i < names.length; i++) {
      labels.addProperty(String.valueOf(i), names[i]);
    }
    config.add("id2label", labels);
    Files.writeString(file, config.toString());
  }

  @Test
  void otherClassesGetANewClassifier() throws IOException {
    nameClasses("NEG", "NEU", "POS");
    float[] own;
    try (PeftModel model = Peft.load(folder.toString())) {
      own = logits(model);
    }
    try (PeftModel model = Peft.load(folder.toString(), Task.classification("NEG", "NEU", "POS"))) {
      assertThat(logits(model)).isEqualTo(own);
    }
    try (PeftModel model = Peft.load(folder.toString(), Task.classification("POS", "NEU", "NEG"))) {
      assertThat(logits(model)).hasSize(3).isNotEqualTo(own);
    }
    try (PeftModel model = Peft.load(folder.toString(), Task.classification("no", "yes"))) {
      assertThat(logits(model)).hasSize(2);
    }
  }
}
