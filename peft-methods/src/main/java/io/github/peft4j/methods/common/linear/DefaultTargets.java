package io.github.peft4j.methods.common.linear;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.io.JsonFile;
import java.util.Optional;

/**
 * The modules that Hugging Face PEFT 0.21 adapts if a file names none, by {@code model_type}: its
 * tables {@code TRANSFORMERS_MODELS_TO_…_TARGET_MODULES_MAPPING}. A new adapter does not depend on
 * them: peft4j writes its modules into the file.
 */
public final class DefaultTargets {

  private static final String TARGETS = "target_modules";

  /** LoRA's, which most methods share. */
  private static final DefaultTargets COMMON = beside(DefaultTargets.class, TARGETS).orElseThrow();

  private final String field;
  private final JsonObject byModelType;

  private DefaultTargets(String field, JsonObject byModelType) {
    this.field = field;
    this.byModelType = byModelType;
  }

  /** PEFT's table for the {@code target_modules} of a config: the method's own, or LoRA's. */
  static DefaultTargets of(Class<?> config) {
    return beside(config, TARGETS).orElse(COMMON);
  }

  /**
   * A table of the config's own.
   *
   * @param field name of the JSON file next to the config's class, after a field of
   *     adapter_config.json. It has module names, or a regular expression, for each model type
   */
  public static Optional<DefaultTargets> beside(Class<?> config, String field) {
    String name = field + ".json";
    return config.getResource(name) == null
        ? Optional.empty()
        : Optional.of(new DefaultTargets(field, JsonFile.resource(config, name)));
  }

  /**
   * The modules of a model type.
   *
   * @throws IllegalArgumentException if PEFT has none
   */
  public TargetModules of(String modelType) {
    JsonElement modules = byModelType.get(modelType);
    if (modules == null) {
      throw new IllegalArgumentException(
          "field '"
              + field
              + "' of adapter_config.json is null, and Hugging Face PEFT knows no modules for a"
              + " model of type '"
              + modelType
              + "'; name those that the adapter was trained on");
    }
    return modules.isJsonArray()
        ? TargetModules.of(
            modules.getAsJsonArray().asList().stream().map(JsonElement::getAsString).toList())
        : TargetModules.matching(modules.getAsString());
  }
}
