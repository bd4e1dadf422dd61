package io.github.peft4j.methods.miss;

import com.google.gson.JsonElement;
import com.google.gson.JsonPrimitive;
import java.util.Arrays;

/** MiSS's variants: {@code init_weights}. */
public enum MissInitialization {
  /** A matrix [r, out] of zeros: no effect at first. */
  DEFAULT(new JsonPrimitive(true)),
  /** A matrix [r, mini_r] of zeros that repeats along the output. */
  MINI(new JsonPrimitive("mini")),
  /** Matrices [out / r, r, r] of zeros, which are multiplied with the frozen weight: Bat. */
  BAT(new JsonPrimitive("bat")),
  /** A random matrix [r, out]: an effect from the start; for tests. */
  RANDOM(new JsonPrimitive(false));

  private final JsonElement json;

  MissInitialization(JsonElement json) {
    this.json = json;
  }

  /** As it stands in adapter_config.json. */
  public JsonElement toJson() {
    return json;
  }

  /** From adapter_config.json. */
  public static MissInitialization fromJson(JsonElement json) {
    return Arrays.stream(values())
        .filter(value -> value.json.equals(json))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("one of true, \"mini\", \"bat\", false"));
  }
}
