package io.github.peft4j.transformer;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.safetensors.Safetensors;
import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BaseModelGoldenTest {
  @ParameterizedTest
  @ValueSource(strings = {"llama", "llama3-rope", "bert", "bert-tok"})
  void logits(String base) {
    Path dir = Path.of("../../shared/golden", base);
    try (Safetensors weights = Safetensors.openFolder(dir);
        Safetensors io = Safetensors.open(dir.resolve("io.safetensors"));
        TransformerModel model =
            Models.build(
                ModelConfig.read(dir), weights, null, Device.cpu(), Precision.FLOAT32, 0)) {
      System.out.println(model);
      NDArray ids =
          model.manager().create(io.longs("input_ids"), new Shape(io.info("input_ids").shape()));
      NDArray mask =
          model
              .manager()
              .create(io.longs("attention_mask"), new Shape(io.info("input_ids").shape()));
      NDArray logits = model.logits(new ModelInput(ids, mask, null, null));
      float[] got = Tensors.floats(logits);
      float[] expected = io.floats("logits");
      assertThat(got).hasSameSizeAs(expected);
      double worst = 0, scale = 0;
      for (int i = 0; i < got.length; i++) {
        worst = Math.max(worst, Math.abs(got[i] - expected[i]));
        scale = Math.max(scale, Math.abs(expected[i]));
      }
      System.out.println(base + " worst " + worst + " of " + scale);
      assertThat(worst / scale).isLessThan(1e-4);
    }
  }
}
