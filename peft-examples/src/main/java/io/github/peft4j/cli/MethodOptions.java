package io.github.peft4j.cli;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.config.ConfigJson;
import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.config.Records;
import io.github.peft4j.io.JsonFile;
import io.github.peft4j.method.PeftMethods;
import io.github.peft4j.tuner.injection.NearNames;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import picocli.CommandLine.Option;

/** Which method, and its settings by the names of adapter_config.json. */
final class MethodOptions {

  static final String SET = "--set";
  private static final String TYPE = "peft_type";

  /** Names of methods that are another method with a setting, or whose type is spelt in full. */
  private static final Map<String, String> SHORT =
      Map.of(
          "DORA", "{\"peft_type\": \"LORA\", \"use_dora\": true}",
          "RSLORA", "{\"peft_type\": \"LORA\", \"use_rslora\": true}",
          "PREFIX", "{\"peft_type\": \"PREFIX_TUNING\"}",
          "PROMPT", "{\"peft_type\": \"PROMPT_TUNING\"}",
          "PTUNING", "{\"peft_type\": \"P_TUNING\"}");

  @Option(
      names = "--method",
      paramLabel = "NAME|FILE",
      description =
          "lora (the default), dora, ia3, vera, … or any peft_type, or the path of an"
              + " adapter_config.json.")
  @Nullable String method;

  @Option(
      names = SET,
      paramLabel = "FIELD=VALUE",
      description =
          "A setting of the method, by its name in adapter_config.json: --set r=16 --set"
              + " target_modules=q_proj,v_proj")
  @Nullable Map<String, String> set;

  /**
   * The config.
   *
   * @throws IllegalArgumentException naming the option, if the method or a setting is unknown or
   *     wrong
   */
  PeftConfig config() {
    JsonObject json = start(method == null ? "lora" : method);
    if (!json.has(TYPE) || !json.get(TYPE).isJsonPrimitive()) {
      throw new IllegalArgumentException("--method: the file has no field '" + TYPE + "'");
    }
    String type = json.get(TYPE).getAsString();
    Class<? extends PeftConfig> config =
        Mistakes.at("--method", () -> PeftMethods.ofType(type)).configType();
    List<String> known = Records.fields(config).stream().map(ConfigJson::field).toList();
    Map<String, JsonElement> values = new LinkedHashMap<>();
    if (set != null) {
      set.forEach(
          (field, text) -> {
            if (!known.contains(field)) {
              throw new IllegalArgumentException(
                  "--set %s: %s has no such field; the nearest are %s"
                      .formatted(
                          field, type, String.join(", ", NearNames.nearest(field, known, 3))));
            }
            values.put(field, new Gson().toJsonTree(value(text)));
          });
    }
    values.forEach(json::add);
    return Mistakes.at(
        values.isEmpty() ? "--method" : "--set", () -> Configs.read(config, json, type));
  }

  private static JsonObject start(String method) {
    Path file = Path.of(method);
    Path inside = file.resolve("adapter_config.json");
    if (Files.isRegularFile(inside)) {
      return Mistakes.at("--method", () -> JsonFile.read(inside));
    }
    if (method.endsWith(".json")) {
      return Mistakes.at("--method", () -> JsonFile.read(file));
    }
    String type = method.toUpperCase(Locale.ROOT).replace('-', '_');
    String full = SHORT.get(type.replace("_", ""));
    if (full != null) {
      return JsonParser.parseString(full).getAsJsonObject();
    }
    JsonObject json = new JsonObject();
    json.addProperty(TYPE, type);
    return json;
  }

  /** A value as YAML has it; without brackets and quotes, commas separate values. */
  static @Nullable Object value(String text) {
    try {
      Object value = SettingsFile.value(text);
      boolean plain = value instanceof String && value.equals(text);
      return plain && text.contains(",")
          ? Arrays.stream(text.split(",", -1))
              .map(each -> SettingsFile.value(each.strip()))
              .toList()
          : value;
    } catch (YamlEngineException e) {
      return text; // such as a regular expression: *.q_proj
    }
  }
}
