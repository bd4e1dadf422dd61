package io.github.peft4j.methods.lora;

import com.google.gson.JsonElement;
import com.google.gson.JsonPrimitive;
import java.util.Arrays;

/** How LoRA's matrices start: {@code init_lora_weights}. */
public enum LoraInitialization {
  /** A Kaiming-uniform, B zero: no effect at first. */
  DEFAULT(new JsonPrimitive(true)),
  /** A normal with deviation 1/r, B zero: no effect at first. */
  GAUSSIAN(new JsonPrimitive("gaussian")),
  /** Both random: an effect from the start; for tests. */
  RANDOM(new JsonPrimitive(false));

  private final JsonElement json;

  LoraInitialization(JsonElement json) {
    this.json = json;
  }

  /** As it stands in adapter_config.json. */
  public JsonElement toJson() {
    return json;
  }

  /** From adapter_config.json. */
  public static LoraInitialization fromJson(JsonElement json) {
    return Arrays.stream(values())
        .filter(value -> value.json.equals(json))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "one of true, \"gaussian\", false; other initialisations are not supported yet"));
  }
}
