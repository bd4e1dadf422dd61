package io.github.peft4j.cli;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.PeftModel;
import io.github.peft4j.config.CompositeConfig;
import io.github.peft4j.config.ConfigJson;
import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.config.Records;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.io.JsonFile;
import io.github.peft4j.method.PeftMethods;
import io.github.peft4j.methods.fisher.Fisher;
import io.github.peft4j.methods.fisher.FisherConfig;
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
    if (type.equals(CompositeConfig.TYPE)) {
      throw new IllegalArgumentException(
          "--method: %s is an adapter of several methods; --adapter %s trains it further"
              .formatted(method, method));
    }
    Class<? extends PeftConfig> config =
        Mistakes.at("--method", () -> PeftMethods.ofType(type)).configType();
    Map<String, Class<?>> known = new LinkedHashMap<>();
    Records.fields(config).forEach(c -> known.put(ConfigJson.field(c), c.getType()));
    Map<String, JsonElement> values = new LinkedHashMap<>();
    if (set != null) {
      set.forEach(
          (field, text) -> {
            Class<?> kind = known.get(field);
            if (kind == null) {
              throw new IllegalArgumentException(
                  "--set %s: %s has no such field; the nearest are %s"
                      .formatted(
                          field,
                          type,
                          String.join(", ", NearNames.nearest(field, known.keySet(), 3))));
            }
            Object value = kind == TargetModules.class ? modules(text) : value(text);
            values.put(field, new Gson().toJsonTree(value));
          });
    }
    values.forEach(json::add);
    return Mistakes.at(
        values.isEmpty() ? "--method" : "--set", () -> Configs.read(config, json, type));
  }

  /**
   * Adds a new adapter. Of the methods whose parameters are chosen by examples, it reads those of
   * the training.
   */
  void adapt(
      PeftModel model,
      Dataset<? extends Example> examples,
      @Nullable Integer maxLength,
      @Nullable Long seed) {
    PeftConfig config = config();
    Mistakes.at(
        set == null ? "--method" : SET,
        () ->
            config instanceof FisherConfig<?> chosen && chosen.needsExamples()
                ? fisher(chosen, maxLength, seed).adapt(model, examples)
                : model.adapt(config));
  }

  private static <C extends FisherConfig<C>> Fisher<C> fisher(
      FisherConfig<C> config, @Nullable Integer maxLength, @Nullable Long seed) {
    @SuppressWarnings("unchecked") // a config is of its own type
    Fisher<C> fisher = Fisher.of((C) config);
    Mistakes.set("--max-length", maxLength, fisher::maxLength);
    Mistakes.set("--seed", seed, fisher::seed);
    return fisher;
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

  /** Modules: one name is a list of one, and not a regular expression. */
  private static @Nullable Object modules(String text) {
    Object value = value(text);
    boolean name = value instanceof String && text.matches("[\\w.]+");
    return name && !text.equals(TargetModules.ALL_LINEAR) ? List.of(text) : value;
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
