package io.github.peft4j.methods.tokens;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.config.ConfigValues;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Tokens whose vectors are trained in addition to another method: PEFT's {@code
 * trainable_token_indices}.
 *
 * @param byModule token ids by the embedding's name; {@link #INPUT} for the model's input embedding
 */
public record TokenIndices(Map<String, List<Integer>> byModule) {

  private static final String EXPECTED =
      "a list of ids of tokens, one or more of at least 0, or an object with such a list for each"
          + " module";

  /** The key of the model's input embedding. */
  public static final String INPUT = "";

  /**
   * Copies the map.
   *
   * @throws IllegalArgumentException if there are no ids for a module, or an id is negative
   */
  public TokenIndices {
    byModule.forEach(
        (module, ids) -> {
          if (ids.isEmpty() || ids.stream().anyMatch(id -> id < 0)) {
            throw new IllegalArgumentException(EXPECTED + "; there are " + ids);
          }
        });
    byModule = Map.copyOf(byModule);
  }

  /** These tokens of the model's input embedding. */
  public static TokenIndices of(int... tokens) {
    return new TokenIndices(Map.of(INPUT, IntStream.of(tokens).boxed().toList()));
  }

  /** Reads a list of ids, or an object with a list for each module. */
  public static TokenIndices fromJson(JsonElement json) {
    Map<String, List<Integer>> byModule = new LinkedHashMap<>();
    if (json.isJsonArray()) {
      byModule.put(INPUT, ids(json));
    } else if (json.isJsonObject()) {
      json.getAsJsonObject().asMap().forEach((module, list) -> byModule.put(module, ids(list)));
    } else {
      throw new IllegalArgumentException(EXPECTED);
    }
    return new TokenIndices(byModule);
  }

  private static List<Integer> ids(JsonElement list) {
    List<Integer> ids = new ArrayList<>();
    if (!list.isJsonArray()) {
      throw new IllegalArgumentException(EXPECTED);
    }
    list.getAsJsonArray().forEach(id -> ids.add(ConfigValues.whole(id)));
    return ids;
  }

  /** The value of {@code trainable_token_indices} in {@code adapter_config.json}. */
  public JsonElement toJson() {
    List<Integer> input = byModule.get(INPUT);
    if (input != null) {
      return array(input);
    }
    JsonObject object = new JsonObject();
    byModule.forEach((module, ids) -> object.add(module, array(ids)));
    return object;
  }

  private static JsonArray array(List<Integer> ids) {
    JsonArray array = new JsonArray();
    ids.forEach(array::add);
    return array;
  }
}
