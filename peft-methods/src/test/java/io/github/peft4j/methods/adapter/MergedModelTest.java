package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.transformer.pass.ModelInput;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MergedModelTest {

  @TempDir Path folder;

  private static float[] logits(PeftModel model) {
    NDArray ids = model.base().manager().create(new long[] {4, 9, 30, 7, 12, 5}, new Shape(2, 3));
    try (NDArray logits = model.logits(ModelInput.of(ids))) {
      return Tensors.floats(logits);
    }
  }

  private static void assertClose(float[] mine, float[] theirs) {
    assertThat(mine.length).isEqualTo(theirs.length);
    for (int i = 0; i < mine.length; i++) {
      assertThat(mine[i]).isCloseTo(theirs[i], within(1e-5f));
    }
  }

  @Test
  void aMergedModelIsAPlainModelThatComputesTheSame() {
    Path origin = TinyModels.copy("tiny-llama", folder.resolve("origin"));
    LoraConfig config =
        LoraConfig.ofRank(2)
            .targetModules("q_proj", "down_proj", "embed_tokens")
            .initLoraWeights(LoraInitialization.RANDOM);
    try (PeftModel model = Peft.load(origin.toString())) {
      float[] plain = logits(model);
      model.adapt(config);
      float[] adapted = logits(model);
      assertThat(adapted).isNotEqualTo(plain);

      model.saveMerged(folder.resolve("merged").toString());
      assertThat(logits(model)).isEqualTo(adapted);
      model.disable();
      assertThat(logits(model)).isEqualTo(plain);
      model.enable().merge();
      assertClose(logits(model), adapted);
      assertThatThrownBy(() -> model.adapt("other", config))
          .hasMessageContaining("unmerge() first");
      model.unmerge();
      assertThat(logits(model)).isEqualTo(adapted);
      model.mergeAndUnload();
      assertThat(model.adapters()).isEmpty();
      assertClose(logits(model), adapted);

      // Input and output tables were one; merging into the one left the other as it was.
      try (PeftModel again = Peft.load(folder.resolve("merged").toString())) {
        assertClose(logits(again), adapted);
        assertThat(again.base().config().flag("tie_word_embeddings", true)).isFalse();
      }
    }
  }
}
