package io.github.peft4j.train.optimizer;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LossScalerTest {

  @ParameterizedTest
  @ValueSource(strings = {"default", "short", "odd", "large"})
  void theScalesAreThoseOfPyTorchsGradScaler(String name) throws IOException {
    JsonObject golden = golden().getAsJsonObject(name);
    LossScaling settings =
        new LossScaling(
            value(golden, "init_scale", 65536),
            value(golden, "growth_factor", 2),
            value(golden, "backoff_factor", 0.5),
            (int) value(golden, "growth_interval", 2000));
    LossScaler scaler = new LossScaler(settings);
    JsonArray overflowed = golden.getAsJsonArray("overflowed");
    for (int i = 0; i < overflowed.size(); i++) {
      scaler.update(overflowed.get(i).getAsInt() == 1);
      JsonArray state = golden.getAsJsonArray("states").get(i).getAsJsonArray();
      assertThat(scaler.scale()).as("scale after step %d", i).isEqualTo(state.get(0).getAsDouble());
      assertThat(scaler.goodSteps()).as("after step %d", i).isEqualTo(state.get(1).getAsInt());
      LossScaler resumed = new LossScaler(settings); // a run may be resumed after each step
      resumed.restore(scaler.scale(), scaler.goodSteps());
      scaler = resumed;
    }
  }

  @Test
  void theDefaultIsPyTorchs() {
    assertThat(LossScaling.DEFAULT).isEqualTo(new LossScaling(65536, 2, 0.5, 2000));
    LossScaler scaler = new LossScaler(LossScaling.DEFAULT);
    for (int i = 0; i < 1999; i++) {
      scaler.update(false);
    }
    assertThat(scaler.scale()).isEqualTo(65536);
    scaler.update(false);
    assertThat(scaler.scale()).isEqualTo(131072);
  }

  @Test
  void withoutScalingTheScaleIsAlwaysOne() {
    LossScaler scaler = new LossScaler(null);
    scaler.update(true);
    scaler.restore(8, 3);
    assertThat(scaler.scale()).isEqualTo(1);
    assertThat(scaler.isOn()).isFalse();
  }

  @Test
  void refusesSettingsThatMeanNothing() {
    LossScaling fine = LossScaling.DEFAULT;
    assertThatIllegalArgumentException()
        .isThrownBy(() -> fine.initial(0))
        .withMessage("loss scaling: initial is 0.0, expected a number above 0");
    assertThatIllegalArgumentException().isThrownBy(() -> fine.initial(Double.NaN));
    assertThatIllegalArgumentException().isThrownBy(() -> fine.initial(1e39));
    assertThatIllegalArgumentException().isThrownBy(() -> fine.growth(1));
    assertThatIllegalArgumentException().isThrownBy(() -> fine.backoff(1));
    assertThatIllegalArgumentException().isThrownBy(() -> fine.backoff(0));
    assertThatIllegalArgumentException().isThrownBy(() -> fine.interval(0));
  }

  private static double value(JsonObject golden, String name, double otherwise) {
    return golden.has(name) ? golden.get(name).getAsDouble() : otherwise;
  }

  private static JsonObject golden() throws IOException {
    try (Reader reader =
        new InputStreamReader(
            requireNonNull(LossScalerTest.class.getResourceAsStream("/loss-scaling/scales.json")),
            StandardCharsets.UTF_8)) {
      return JsonParser.parseReader(reader).getAsJsonObject();
    }
  }
}
