package io.github.peft4j.gguf;

import io.github.peft4j.io.gguf.GgufMetadata;
import io.github.peft4j.transformer.config.ModelConfig;
import java.util.LinkedHashMap;
import java.util.Map;

/** The settings of generation that llama.cpp takes from a file. */
final class Sampling {

  private static final String KEY = "general.sampling.";

  /** What GGUF calls the fields of generation_config.json, apart from {@code top_k}. */
  private static final Map<String, String> NUMBERS = new LinkedHashMap<>();

  static {
    NUMBERS.put("top_p", "top_p");
    NUMBERS.put("min_p", "min_p");
    NUMBERS.put("temperature", "temp");
    NUMBERS.put("repetition_penalty", "penalty_repeat");
  }

  private Sampling() {}

  static void write(ModelConfig generation, GgufMetadata.Builder metadata) {
    if (generation.has("top_k")) {
      metadata.int32(KEY + "top_k", generation.integer("top_k"));
    }
    NUMBERS.forEach(
        (field, key) -> {
          if (generation.has(field)) {
            metadata.float32(KEY + key, (float) generation.number(field));
          }
        });
  }
}
