package io.github.peft4j.transformer.rope;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.transformer.config.ModelConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The numbers are those of ROPE_INIT_FUNCTIONS of transformers 5.24, for heads of 8 dimensions. */
class RopeScalingTest {

  private static final String DYNAMIC = "{'rope_type': 'dynamic', 'factor': 2.0}";

  private static RopeSpec rope(String parameters) {
    JsonObject json =
        JsonParser.parseString(
                "{'max_position_embeddings': 64, 'rope_parameters': " + parameters + "}")
            .getAsJsonObject();
    return RopeSpec.of(ModelConfig.of(json, "config.json"), 8);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "{'rope_type': 'linear', 'factor': 4.0} | 9 | 0.25 0.025 0.0025 0.00025 | 1",
        DYNAMIC + " | 64 | 1 0.1 0.01 0.001 | 1",
        DYNAMIC + " | 100 | 1 0.07778222 0.006050074 0.0004705882 | 1",
        "{'rope_type': 'yarn', 'factor': 4.0, 'original_max_position_embeddings': 16} | 9"
            + " | 1 0.025 0.0025 0.00025 | 1.138629436111989",
        "{'rope_type': 'llama3', 'factor': 8.0, 'low_freq_factor': 1.0, 'high_freq_factor': 4.0,"
            + " 'original_max_position_embeddings': 64} | 9"
            + " | 1 0.01304226 0.00125 0.000125 | 1",
        "{'rope_type': 'longrope', 'factor': 4.0, 'original_max_position_embeddings': 16,"
            + " 'short_factor': [1.0, 1.1, 1.2, 1.3], 'long_factor': [2.0, 2.5, 3.0, 3.5]} | 16"
            + " | 1 0.09090909 0.008333333 0.0007692308 | 1.224744871391589",
        "{'rope_type': 'longrope', 'factor': 4.0, 'original_max_position_embeddings': 16,"
            + " 'short_factor': [1.0, 1.1, 1.2, 1.3], 'long_factor': [2.0, 2.5, 3.0, 3.5]} | 17"
            + " | 0.5 0.04 0.003333333 0.0002857143 | 1.224744871391589",
      })
  void frequenciesAreThoseOfTransformers(
      String parameters, long length, String expected, double factor) {
    RopeSpec rope = rope(parameters);
    float[] frequencies = rope.scaling().frequencies(rope.theta(), rope.dimensions(), length);
    String[] numbers = expected.split(" ", -1);
    assertThat(frequencies).hasSize(numbers.length);
    for (int i = 0; i < numbers.length; i++) {
      float number = Float.parseFloat(numbers[i]);
      assertThat(frequencies[i]).isCloseTo(number, within(1e-6f * number));
    }
    assertThat(rope.scaling().attentionFactor()).isCloseTo(factor, within(1e-12));
  }

  @Test
  void dynamicScalingIsForTextsBeyondTheModelsPositions() {
    assertThat(rope(DYNAMIC).scaling().limit(64)).isEqualTo(128);
    assertThat(rope("{'rope_type': 'linear', 'factor': 4.0}").scaling().limit(64)).isEqualTo(64);
  }

  /** As in transformers: model cards tell to add it to files that have rope_parameters. */
  @Test
  void ropeScalingCountsBesideRopeParameters() {
    JsonObject json =
        JsonParser.parseString(
                "{'rope_parameters': {'rope_type': 'default'},"
                    + " 'rope_scaling': {'rope_type': 'linear', 'factor': 4.0}}")
            .getAsJsonObject();
    assertThat(RopeSpec.of(ModelConfig.of(json, "config.json"), 8).scaling())
        .isEqualTo(new RopeScaling.Linear(4));
  }
}
