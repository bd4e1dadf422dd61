package io.github.peft4j.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.Gson;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FiltersTest {

  private static final int VOCABULARY = 12;

  /** What is in processors.json. */
  private record Expected(float[] logits, Map<String, Sampling> sampling) {}

  private record Sampling(Map<String, Double> settings, double[] values) {}

  private static Expected expected() throws IOException {
    try (InputStreamReader reader =
        new InputStreamReader(
            Objects.requireNonNull(
                FiltersTest.class.getResourceAsStream("/generation/processors.json")),
            StandardCharsets.UTF_8)) {
      return new Gson().fromJson(reader, Expected.class);
    }
  }

  private static GenerationConfig config(Map<String, Double> settings) {
    GenerationConfig config = GenerationConfig.sampling(1);
    for (Map.Entry<String, Double> setting : settings.entrySet()) {
      double value = setting.getValue();
      config =
          switch (setting.getKey()) {
            case "temperature" -> config.temperature(value);
            case "topK" -> config.topK((int) value);
            case "topP" -> config.topP(value);
            case "minP" -> config.minP(value);
            case "typicalP" -> config.typicalP(value);
            default -> throw new IllegalArgumentException(setting.getKey());
          };
    }
    return config;
  }

  /** The likeliest tokens, as {@link Best} gives them. */
  private static int[] best(float[] logits, int row, int k) {
    return IntStream.range(0, VOCABULARY)
        .boxed()
        .sorted(Comparator.comparing(i -> -logits[row * VOCABULARY + i]))
        .mapToInt(i -> i)
        .limit(k == 0 ? VOCABULARY : k)
        .toArray();
  }

  @ParameterizedTest
  @ValueSource(strings = {"topP", "minP", "typicalP", "typicalPOfFew", "all"})
  void probabilitiesAreThoseOfTransformers(String name) throws IOException {
    Expected expected = expected();
    Sampling sampling = Objects.requireNonNull(expected.sampling().get(name));
    GenerationConfig config = config(sampling.settings());
    for (int row = 0; row < 2; row++) {
      int[] tokens = best(expected.logits(), row, config.get(Setting.TOP_K));
      float[] logits = new float[tokens.length];
      for (int i = 0; i < logits.length; i++) {
        logits[i] = expected.logits()[row * VOCABULARY + tokens[i]];
      }

      double[] weights = Sampler.weights(logits, 0, logits.length, config);

      double total = Arrays.stream(weights).sum();
      double[] probabilities = new double[VOCABULARY];
      for (int i = 0; i < tokens.length; i++) {
        probabilities[tokens[i]] = weights[i] / total;
      }
      double[] values =
          Arrays.copyOfRange(sampling.values(), row * VOCABULARY, (row + 1) * VOCABULARY);
      assertThat(values).as("something is left out").contains(0);
      assertThat(probabilities).containsExactly(values, within(1e-6));
    }
  }
}
