package io.github.peft4j.config;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The settings of a method: a record whose components are the fields of Hugging Face PEFT's {@code
 * adapter_config.json} in camel case ({@code loraAlpha} is {@code lora_alpha}), with the same
 * defaults.
 *
 * <p>Components may be numbers, booleans, strings, lists of strings or whole numbers, maps from
 * strings to numbers, {@link io.github.peft4j.config.TargetModules}, enums (written by name or as a
 * {@link JsonChoice}), {@link ConfigPart}s, and types with a method {@code toJson} and a static
 * method {@code fromJson} of a JSON element. Constructors check the values; their errors name the
 * field.
 */
public interface PeftConfig {

  /**
   * Modules that are fully trained and saved with the adapter, by suffix of their names. A
   * classifier always is, also without being listed.
   */
  default @Nullable List<String> modulesToSave() {
    return null;
  }

  /**
   * Whether changes of the token embedding also apply to output layers that share its table, if the
   * config names either of them. In PEFT only LoRA has this field.
   */
  default boolean ensureWeightTying() {
    return false;
  }
}
