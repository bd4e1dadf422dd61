package io.github.peft4j.methods.said;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.transformer.pass.ModelInput;
import org.junit.jupiter.api.Test;

class SaidTest {

  private static PeftModel load() {
    return Peft.load(TinyModels.golden("tiny-llama").toString());
  }

  private static float[] logits(int seed) {
    try (PeftModel model = load().adapt(SaidConfig.ofDimension(60).projectionSeed(seed))) {
      model.trainables().forEach(tensor -> tensor.value().addi(1));
      ModelInput input = ModelInput.of(model.base().manager(), new long[][] {{5, 6, 7}}, null);
      try (NDArray logits = model.logits(input)) {
        return Tensors.floats(logits);
      }
    }
  }

  /** PyTorch's generator reads the lower half of a seed only. */
  @Test
  void theSeedIsThatOfTheProjection() {
    assertThat(logits(0)).isEqualTo(logits(0)).isNotEqualTo(logits(1));
    assertThat(logits(-1)).isNotEqualTo(logits(1));
  }

  @Test
  void aSubspaceIsNoLargerThanTheModel() {
    try (PeftModel model = load()) {
      assertThatThrownBy(() -> model.adapt(SaidConfig.ofDimension(Integer.MAX_VALUE)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContainingAll("'intrinsic_dimension' is 2147483647", "no more numbers than");
    }
  }
}
