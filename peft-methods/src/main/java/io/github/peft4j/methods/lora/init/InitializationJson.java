package io.github.peft4j.methods.lora.init;

import com.google.gson.FieldNamingPolicy;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.Map;
import java.util.TreeMap;

/** The settings of an initialisation as an object within {@code adapter_config.json}. */
final class InitializationJson {

  private static final Gson GSON =
      new GsonBuilder()
          .setFieldNamingPolicy(FieldNamingPolicy.LOWER_CASE_WITH_UNDERSCORES)
          .serializeNulls()
          .create();

  private InitializationJson() {}

  /** The settings with sorted names, as PEFT writes them. */
  static JsonElement write(Record settings) {
    Map<String, JsonElement> sorted =
        new TreeMap<>(GSON.toJsonTree(settings).getAsJsonObject().asMap());
    JsonObject json = new JsonObject();
    sorted.forEach(json::add);
    return json;
  }

  /**
   * Reads settings.
   *
   * @param defaults of fields that are missing
   * @throws IllegalArgumentException if there is another field; the message is what was expected
   */
  static <R extends Record> R read(JsonElement json, R defaults, Class<R> type) {
    JsonObject fields = GSON.toJsonTree(defaults).getAsJsonObject();
    json.getAsJsonObject()
        .entrySet()
        .forEach(
            field -> {
              if (!fields.has(field.getKey())) {
                throw new IllegalArgumentException("one of the fields " + fields.keySet());
              }
              fields.add(field.getKey(), field.getValue());
            });
    return GSON.fromJson(fields, type);
  }
}
