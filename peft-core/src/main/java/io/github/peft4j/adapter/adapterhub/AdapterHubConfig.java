package io.github.peft4j.adapter.adapterhub;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.List;
import java.util.Map;

/**
 * Reads adapter_config.json of AdapterHub's library and converts fields of its earlier releases to
 * today's (its {@code loading.py} and {@code adapter_config.py}).
 */
final class AdapterHubConfig {

  /** Names of activations in files without a version. */
  private static final Map<String, String> FORMER_NAMES =
      Map.of("gelu", "gelu_new", "gelu_orig", "gelu");

  /** Former fields about fusions, which have configs of their own now. */
  private static final List<String> FORMER_FIELDS = List.of("attention_type", "new_attention_norm");

  private static final String ARCHITECTURE = "architecture";
  private static final String UNION = "union";
  private static final String CONFIGS = "configs";

  private AdapterHubConfig() {}

  /** Whether an adapter_config.json is AdapterHub's and not PEFT's. */
  static boolean isOne(JsonObject json) {
    return !json.has("peft_type") && json.has("config") && json.get("config").isJsonObject();
  }

  /** The mapping of a method's config. */
  static AdapterHubMapping<?> mapping(JsonObject config) {
    return AdapterHubMappings.of(text(config, ARCHITECTURE), config);
  }

  /**
   * The methods' configs within the file: one, or those of a union.
   *
   * @param source the name of the file in errors
   */
  static List<JsonObject> parts(JsonObject json, String source) {
    JsonObject config = json.getAsJsonObject("config");
    if (!text(config, ARCHITECTURE).equals(UNION)) {
      return List.of(of(json, config));
    }
    if (!(config.get(CONFIGS) instanceof JsonArray configs)
        || configs.isEmpty()
        || !configs.asList().stream().allMatch(JsonElement::isJsonObject)) {
      throw new IllegalArgumentException(
          "%s: field 'config.%s' is %s; expected a list of configs, as architecture is %s"
              .formatted(source, CONFIGS, config.get(CONFIGS), UNION));
    }
    return configs.asList().stream().map(part -> of(json, part.getAsJsonObject())).toList();
  }

  /** The config of an adapter of several parts. */
  static JsonObject union(List<JsonObject> parts) {
    JsonObject config = new JsonObject();
    config.addProperty(ARCHITECTURE, UNION);
    JsonArray configs = new JsonArray();
    parts.forEach(configs::add);
    config.add(CONFIGS, configs);
    return config;
  }

  private static JsonObject of(JsonObject json, JsonObject written) {
    JsonObject config = written.deepCopy();
    String version = text(json, "version");
    String f = text(config, "non_linearity");
    if (version.isEmpty() && FORMER_NAMES.containsKey(f)) {
      config.addProperty("non_linearity", FORMER_NAMES.get(f));
    }
    if (isScaledWrongly(version) && config.has("alpha")) {
      config.add("alpha", config.get("r"));
    }
    FORMER_FIELDS.forEach(config::remove);
    JsonElement nested = config.remove("invertible_adapter");
    boolean ofTask = text(json, "type").equals("text_task"); // names one but has none
    if (nested != null && nested.isJsonObject() && !ofTask) {
      config.add("inv_adapter", nested.getAsJsonObject().get("block_type"));
      config.add("inv_adapter_reduction_factor", nested.getAsJsonObject().get("reduction_factor"));
    }
    return config;
  }

  /** Releases before 1.1.0 computed LoRA as if alpha were r. Their adapters keep that scale. */
  private static boolean isScaledWrongly(String version) {
    return version.matches("adapters\\.(0|1\\.0)\\..*");
  }

  /** A field's string, or an empty one if the field is missing. */
  static String text(JsonObject json, String field) {
    JsonElement value = json.get(field);
    return value == null || value.isJsonNull() ? "" : value.getAsString();
  }
}
