package io.github.peft4j.methods.lokr;

import com.google.gson.JsonElement;
import com.google.gson.JsonPrimitive;
import java.util.Arrays;

/** How LoKr's factors start: {@code init_weights}. */
public enum LokrInitialization {
  /** The left factor zero, the right one Kaiming-uniform: no effect at first. */
  DEFAULT(new JsonPrimitive(true)),
  /** The left factor Kaiming-uniform, the right one zero, as in LyCORIS: no effect at first. */
  LYCORIS(new JsonPrimitive("lycoris")),
  /** Both random: an effect from the start; for tests. */
  RANDOM(new JsonPrimitive(false));

  private final JsonElement json;

  LokrInitialization(JsonElement json) {
    this.json = json;
  }

  /** As it stands in adapter_config.json. */
  public JsonElement toJson() {
    return json;
  }

  /** From adapter_config.json. */
  public static LokrInitialization fromJson(JsonElement json) {
    return Arrays.stream(values())
        .filter(value -> value.json.equals(json))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("one of true, \"lycoris\", false"));
  }
}
