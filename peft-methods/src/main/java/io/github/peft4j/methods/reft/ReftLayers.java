package io.github.peft4j.methods.reft;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.config.ConfigValues;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The layers after which hidden states are changed.
 *
 * @param indices from 0; null for all. A decoder's layers are counted after its encoder's
 */
public record ReftLayers(@Nullable List<Integer> indices) {

  /** After all layers. */
  public static final ReftLayers ALL = new ReftLayers(null);

  private static final String EVERY = "all";

  /** Checks the indices. */
  public ReftLayers {
    if (indices != null && (indices.isEmpty() || indices.stream().anyMatch(i -> i < 0))) {
      throw new IllegalArgumentException("\"all\", or a list of indices of at least 0");
    }
    indices = indices == null ? null : List.copyOf(indices);
  }

  /** After some layers. */
  public static ReftLayers of(int... indices) {
    return new ReftLayers(Arrays.stream(indices).boxed().toList());
  }

  /** Whether a layer is one of them. */
  public boolean has(int layer) {
    return indices == null || indices.contains(layer);
  }

  /** Reads {@code layers} of {@code adapter_config.json}: "all" or a list. */
  public static ReftLayers fromJson(JsonElement json) {
    if (json.isJsonArray()) {
      return new ReftLayers(
          json.getAsJsonArray().asList().stream().map(ConfigValues::whole).toList());
    }
    if (!json.equals(new JsonPrimitive(EVERY))) {
      throw new IllegalArgumentException("\"all\", or a list of indices of at least 0");
    }
    return ALL;
  }

  /** The value of {@code layers} in {@code adapter_config.json}. */
  public JsonElement toJson() {
    if (indices == null) {
      return new JsonPrimitive(EVERY);
    }
    JsonArray list = new JsonArray();
    indices.forEach(list::add);
    return list;
  }
}
