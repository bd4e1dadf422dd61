package io.github.peft4j.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.SharedFolder;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import io.github.peft4j.transformer.pass.KeyValueCache;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.site.ActiveAdapters;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Rotary or learned positions: padding on the left changes nothing. */
class LeftPaddingTest {

  @ParameterizedTest
  @ValueSource(strings = {"gpt2", "llama3-rope", "qwen3"})
  void aPaddedRowComputesWhatItComputesAlone(String family) {
    try (PeftModel model = load(family)) {
      long[][] padded = {{5, 6, 7, 8, 9}, {0, 0, 0, 11, 12}};
      long[][] mask = {{1, 1, 1, 1, 1}, {0, 0, 0, 1, 1}};
      long[][] masked = {{1, 1, 1, 1, 1, 1}, {0, 0, 0, 1, 1, 1}};
      try (KeyValueCache batch = new KeyValueCache();
          KeyValueCache alone = new KeyValueCache()) {
        float[] first = next(model, batch, padded, mask);
        float[] second = next(model, batch, new long[][] {{20}, {13}}, masked);

        assertThat(lastRow(first))
            .containsExactly(next(model, alone, new long[][] {{11, 12}}, null), within(1e-5f));
        assertThat(lastRow(second))
            .containsExactly(next(model, alone, new long[][] {{13}}, null), within(1e-5f));
      }
    }
  }

  @Test
  void learnedPositionsOfAnEncoderCountRealTokens() {
    try (PeftModel model = load("bert");
        Scope scope = new Scope()) {
      long[][] padded = {{5, 6, 7, 8, 9}, {0, 0, 0, 11, 12}};
      long[][] mask = {{1, 1, 1, 1, 1}, {0, 0, 0, 1, 1}};
      float[] batch = hidden(model, padded, mask);
      float[] alone = hidden(model, new long[][] {{11, 12}}, null);

      assertThat(Arrays.copyOfRange(batch, batch.length - alone.length, batch.length))
          .containsExactly(alone, within(1e-5f));
    }
  }

  private static float[] hidden(PeftModel model, long[][] ids, long @Nullable [][] mask) {
    try (Pass pass = Pass.inference(ActiveAdapters.NONE).leftPadded()) {
      ModelInput input = ModelInput.of(model.base().manager(), ids, mask);
      return Tensors.floats(model.base().hidden(input, pass));
    }
  }

  private static PeftModel load(String family) {
    try {
      return Peft.from(SharedFolder.require("golden/" + family))
          .device(Device.cpu())
          .precision(Precision.FLOAT32)
          .load();
    } catch (UnsupportedModelException e) {
      System.err.println("SKIPPED: " + e.getMessage());
      return Assumptions.abort(e.getMessage());
    }
  }

  private static float[] lastRow(float[] rows) {
    return Arrays.copyOfRange(rows, rows.length / 2, rows.length);
  }

  private static float[] next(
      PeftModel model, KeyValueCache cache, long[][] ids, long @Nullable [][] mask) {
    try (Scope scope = new Scope();
        Pass pass = new Pass(Tape.inference(), cache, ActiveAdapters.NONE).leftPadded()) {
      ModelInput input = ModelInput.of(model.base().manager(), ids, mask);
      return Tensors.floats(model.base().nextLogits(input, pass));
    }
  }
}
