package io.github.peft4j.methods.bottleneck;

import com.google.gson.JsonElement;
import com.google.gson.JsonPrimitive;
import org.jspecify.annotations.Nullable;

/**
 * What an adapter's output is multiplied by.
 *
 * @param value the number; null for a learned one
 */
public record Scaling(@Nullable Double value) {

  /** A learned number, 1 at first. */
  public static final Scaling LEARNED = new Scaling(null);

  /** From adapter_config.json. */
  public static Scaling fromJson(JsonElement json) {
    if (json.getAsString().equals("learned")) {
      return LEARNED;
    }
    try {
      return new Scaling(json.getAsDouble());
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("a number or \"learned\"", e);
    }
  }

  /** As it stands in adapter_config.json. */
  public JsonElement toJson() {
    return value == null ? new JsonPrimitive("learned") : new JsonPrimitive(value);
  }
}
