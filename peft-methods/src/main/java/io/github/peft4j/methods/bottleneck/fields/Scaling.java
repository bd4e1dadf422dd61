package io.github.peft4j.methods.bottleneck.fields;

import com.google.gson.JsonElement;
import com.google.gson.JsonPrimitive;
import org.jspecify.annotations.Nullable;

/**
 * What an adapter's output is multiplied by.
 *
 * @param value the number; null for a learned one
 * @param perChannel whether each channel has a learned one of its own
 */
public record Scaling(@Nullable Double value, boolean perChannel) {

  /** A learned number, 1 at first. */
  public static final Scaling LEARNED = new Scaling(null, false);

  /** A learned number for each channel, 1 at first. */
  public static final Scaling CHANNEL = new Scaling(null, true);

  private static final String EXPECTED = "a finite number, \"learned\" or \"channel\"";

  /** Checks the value. */
  public Scaling {
    if (value != null && !Double.isFinite(value)) {
      throw new IllegalArgumentException(EXPECTED);
    }
  }

  /** A fixed number. */
  public static Scaling of(double value) {
    return new Scaling(value, false);
  }

  /** From adapter_config.json. */
  public static Scaling fromJson(JsonElement json) {
    try {
      return switch (json.getAsString()) {
        case "learned" -> LEARNED;
        case "channel" -> CHANNEL;
        default -> of(json.getAsDouble());
      };
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(EXPECTED, e);
    }
  }

  /** As it stands in adapter_config.json. */
  public JsonElement toJson() {
    return value != null
        ? new JsonPrimitive(value)
        : new JsonPrimitive(perChannel ? "channel" : "learned");
  }
}
