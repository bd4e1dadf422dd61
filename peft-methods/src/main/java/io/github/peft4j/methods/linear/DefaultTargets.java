package io.github.peft4j.methods.linear;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.io.JsonFile;
import io.github.peft4j.tuner.TargetModules;

/**
 * The modules that Hugging Face PEFT 0.21 takes where a file names none, by {@code model_type}: its
 * tables {@code TRANSFORMERS_MODELS_TO_…_TARGET_MODULES_MAPPING}. A fresh adapter's modules are
 * those that the method means, and are named in its file.
 */
public final class DefaultTargets {

  /** LoRA's, which most methods share. */
  public static final DefaultTargets COMMON = beside(DefaultTargets.class, "target_modules");

  private final String field;
  private final JsonObject byModelType;

  private DefaultTargets(String field, JsonObject byModelType) {
    this.field = field;
    this.byModelType = byModelType;
  }

  /**
   * A method's own table.
   *
   * @param type a class of the method's package
   * @param field of adapter_config.json, which names the JSON file beside that class: module names,
   *     or a regular expression, for each model type
   */
  public static DefaultTargets beside(Class<?> type, String field) {
    return new DefaultTargets(field, JsonFile.resource(type, field + ".json"));
  }

  /**
   * The modules of a type of model.
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
