package io.github.peft4j.methods;

import static io.github.peft4j.methods.adapter.Closeness.assertClose;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.AdapterTraining;
import io.github.peft4j.PeftModel;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lily.LilyConfig;
import io.github.peft4j.methods.vblora.VbLoraConfig;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.tuner.Trainable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tensors that several modules share, and files that hold parts of an adapter. */
class SharedFactorsTest {

  private static final String WEIGHTS = "adapter_model.safetensors";

  @TempDir Path folder;

  @Test
  void lilySharesWithinAKindAndAStride() {
    LilyConfig config = LilyConfig.ofRank(2).strideA(2).targetModules("q_proj", "v_proj");
    try (PeftModel model = TinyModel.LLAMA.load(Precision.FLOAT32).adapt(config)) {
      assertThat(tensor(model, 1, "q_proj", "lily_A"))
          .isSameAs(tensor(model, 0, "q_proj", "lily_A"));
      assertThat(tensor(model, 1, "v_proj", "lily_B"))
          .isSameAs(tensor(model, 0, "v_proj", "lily_B"));
      assertThat(tensor(model, 0, "v_proj", "lily_B"))
          .isNotSameAs(tensor(model, 0, "q_proj", "lily_B"));
      assertThat(tensor(model, 1, "q_proj", "lily_router"))
          .isNotSameAs(tensor(model, 0, "q_proj", "lily_router"));
    }
  }

  private static Trainable tensor(PeftModel model, int layer, String module, String key) {
    String name = "base_model.model.model.layers.%d.self_attn.%s.%s.weight";
    return requireNonNull(
        model.adapter(PeftModel.DEFAULT).tensors().get(name.formatted(layer, module, key)));
  }

  @Test
  void copiesThatDifferAreAnError() throws IOException {
    LilyConfig config = LilyConfig.ofRank(2).strideA(2).targetModules("q_proj");
    try (PeftModel model = TinyModel.LLAMA.load(Precision.FLOAT32).adapt(config)) {
      model.save(folder.toString());
    }
    SafetensorsWriter other = new SafetensorsWriter();
    try (Safetensors file = Safetensors.open(folder.resolve(WEIGHTS))) {
      for (String name : file.names()) {
        float[] numbers = file.floats(name);
        numbers[0] += name.contains("layers.1") && name.contains("lily_A") ? 1 : 0;
        other.add(name, file.info(name).shape(), numbers);
      }
    }
    Files.delete(folder.resolve(WEIGHTS));
    other.write(folder.resolve(WEIGHTS));
    try (PeftModel model = TinyModel.LLAMA.load(Precision.FLOAT32)) {
      assertThatThrownBy(() -> model.loadAdapter(folder.toString()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("layers.1.self_attn.q_proj.lily_A.weight differs from")
          .hasMessageContaining("layers.0.self_attn.q_proj.lily_A.weight");
      assertThat(model.adapters()).isEmpty();
    }
  }

  @Test
  void lilyRefusesTheHead() {
    LilyConfig config = LilyConfig.ofRank(2).targetModules("q_proj", "lm_head");
    try (PeftModel model = TinyModel.LLAMA.load(Precision.FLOAT32)) {
      assertThatThrownBy(() -> model.adapt(config))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("target_modules")
          .hasMessageContaining("lm_head");
    }
  }

  @Test
  void chosenWeightsComputeTheSameButCannotBeTrained() throws IOException {
    VbLoraConfig config =
        VbLoraConfig.ofRank(2).numVectors(6).vectorLength(4).saveOnlyTopkWeights(true);
    float[] expected;
    try (PeftModel model = TinyModel.LLAMA.load(Precision.FLOAT32).adapt(config)) {
      expected = logits(model);
      model.save(folder.toString());
    }
    Files.delete(folder.resolve("peft4j_training.safetensors"));
    try (PeftModel model = TinyModel.LLAMA.load(Precision.FLOAT32)) {
      model.loadAdapter(folder.toString());
      assertClose("logits", logits(model), expected, 1e-6);
      try (AdapterTraining ignored = model.train(PeftModel.DEFAULT)) {
        Backpropagation backpropagation = new Backpropagation(model, Activations.KEPT);
        assertThatThrownBy(
                () ->
                    backpropagation.run(
                        TinyModel.LLAMA.input(model), TinyModel.LLAMA.targets(), 1, 0))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("save_only_topk_weights")
            .hasMessageContaining("peft4j_training.safetensors");
      }
    }
  }

  private static float[] logits(PeftModel model) {
    try (NDArray logits = model.logits(TinyModel.LLAMA.input(model))) {
      return Tensors.floats(logits);
    }
  }
}
