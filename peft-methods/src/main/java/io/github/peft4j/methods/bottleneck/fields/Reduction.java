package io.github.peft4j.methods.bottleneck.fields;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.config.ConfigValues;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The width of the hidden state divided by that of the bottleneck. Below 1, the bottleneck is
 * wider.
 *
 * @param usual the factor of layers that byLayer does not name, above 0; null if it names all
 * @param byLayer factors by layer index
 */
public record Reduction(@Nullable Double usual, Map<Integer, Double> byLayer) {

  /** Checks the values. */
  public Reduction {
    byLayer = Map.copyOf(byLayer);
    if ((usual != null && !fine(usual)) || !byLayer.values().stream().allMatch(Reduction::fine)) {
      throw new IllegalArgumentException("factors that are finite and above 0");
    }
  }

  /** The same factor in every layer. */
  public static Reduction of(double factor) {
    return new Reduction(factor, Map.of());
  }

  private static boolean fine(double factor) {
    return factor > 0 && Double.isFinite(factor);
  }

  /** The width of a layer's bottleneck, at least 1. */
  public long width(long dimension, int layer) {
    Double factor = byLayer.getOrDefault(layer, usual);
    if (factor == null) {
      throw new IllegalArgumentException(
          "BottleneckConfig: field 'reduction_factor' is "
              + byLayer
              + " and says nothing of layer "
              + layer
              + "; expected a \"default\"");
    }
    return Math.max(1, (long) (dimension / factor));
  }

  /**
   * Reads {@code reduction_factor} of {@code adapter_config.json}: a number, or an object of layers
   * and "default".
   */
  public static Reduction fromJson(JsonElement json) {
    if (!json.isJsonObject()) {
      return new Reduction(ConfigValues.number(json), Map.of());
    }
    Map<Integer, Double> byLayer = new TreeMap<>();
    JsonElement usual = json.getAsJsonObject().get("default");
    for (Map.Entry<String, JsonElement> entry : json.getAsJsonObject().entrySet()) {
      if (!entry.getKey().equals("default")) {
        if (!entry.getKey().matches("\\d{1,9}")) {
          throw new IllegalArgumentException(
              "a factor, or an object of factors by a layer's index and by \"default\"; \""
                  + entry.getKey()
                  + "\" is neither");
        }
        byLayer.put(Integer.valueOf(entry.getKey()), ConfigValues.number(entry.getValue()));
      }
    }
    return new Reduction(usual == null ? null : ConfigValues.number(usual), byLayer);
  }

  /** The value of {@code reduction_factor} in {@code adapter_config.json}. */
  public JsonElement toJson() {
    if (byLayer.isEmpty() && usual != null) {
      return new JsonPrimitive(usual);
    }
    JsonObject json = new JsonObject();
    new TreeMap<>(byLayer).forEach((layer, factor) -> json.addProperty("" + layer, factor));
    if (usual != null) {
      json.addProperty("default", usual);
    }
    return json;
  }
}
