package io.github.peft4j.config;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a method is told: a record whose components are the fields of Hugging Face PEFT's {@code
 * adapter_config.json} in camel case ({@code loraAlpha} is {@code lora_alpha}), with their
 * defaults.
 *
 * <p>Components may be numbers, booleans, strings, lists of strings or whole numbers, maps from
 * strings to numbers, {@link io.github.peft4j.config.TargetModules}, enums (written by name, or as
 * {@link JsonChoice} says), {@link ConfigPart}s and whatever has {@code toJson} and a static {@code
 * fromJson} of a JSON element. Constructors check the values and name the field in their errors.
 */
public interface PeftConfig {

  /**
   * Modules that are trained whole and saved with the adapter, by suffix of their names, besides a
   * classifier, which always is.
   */
  default @Nullable List<String> modulesToSave() {
    return null;
  }

  /**
   * Whether what is trained of the token table counts for the outputs that share it, where these or
   * it are named; PEFT has the field for LoRA alone.
   */
  default boolean ensureWeightTying() {
    return false;
  }
}
