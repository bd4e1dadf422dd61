package io.github.peft4j.methods.bottleneck.fields;

import com.google.gson.JsonElement;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.config.ConfigValues;
import org.jspecify.annotations.Nullable;

/**
 * The factor of an adapter's output.
 *
 * @param value the fixed factor; null for a learned one
 * @param perChannel whether each channel has a learned factor of its own
 */
public record Scaling(@Nullable Double value, boolean perChannel) {

  /** One learned factor, which starts at 1. */
  public static final Scaling LEARNED = new Scaling(null, false);

  /** A learned factor for each channel, which starts at 1. */
  public static final Scaling CHANNEL = new Scaling(null, true);

  private static final String EXPECTED = "a finite number, \"learned\" or \"channel\"";

  /** Checks the value. */
  public Scaling {
    if (value != null && !Double.isFinite(value)) {
      throw new IllegalArgumentException(EXPECTED);
    }
  }

  /** A fixed factor. */
  public static Scaling of(double value) {
    return new Scaling(value, false);
  }

  /** Reads {@code scaling} of {@code adapter_config.json}. */
  public static Scaling fromJson(JsonElement json) {
    try {
      if (json.isJsonPrimitive() && json.getAsJsonPrimitive().isString()) {
        return switch (json.getAsString()) {
          case "learned" -> LEARNED;
          case "channel" -> CHANNEL;
          default -> throw new IllegalArgumentException(EXPECTED);
        };
      }
      return of(ConfigValues.number(json));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(EXPECTED, e);
    }
  }

  /** The value of {@code scaling} in {@code adapter_config.json}. */
  public JsonElement toJson() {
    return value != null
        ? new JsonPrimitive(value)
        : new JsonPrimitive(perChannel ? "channel" : "learned");
  }
}
