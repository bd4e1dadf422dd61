package io.github.peft4j.methods.bottleneck.fields;

import com.google.gson.JsonElement;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.config.UnsupportedMethodException;

/** The kind of an invertible adapter. */
public final class Invertible {

  /** Additive couplings (Dinh et al. 2014, arXiv:1410.8516). */
  public static final Invertible NICE = new Invertible();

  private Invertible() {}

  /** Reads {@code inv_adapter} of {@code adapter_config.json}. */
  public static Invertible fromJson(JsonElement json) {
    return switch (json.getAsString()) {
      case "nice" -> NICE;
      case "glow" ->
          throw new UnsupportedMethodException(
              "peft4j does not support it, since AdapterHub's library cannot compute it either: its"
                  + " release 1.3.0 cuts vectors along the sequence there and fails; expected"
                  + " \"nice\" or null");
      default -> throw new IllegalArgumentException("\"nice\" or null");
    };
  }

  /** The value of {@code inv_adapter} in {@code adapter_config.json}. */
  public JsonElement toJson() {
    return new JsonPrimitive("nice");
  }

  @Override
  public String toString() {
    return "nice";
  }
}
