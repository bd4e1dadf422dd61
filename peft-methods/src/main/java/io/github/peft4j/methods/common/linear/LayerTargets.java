package io.github.peft4j.methods.common.linear;

import io.github.peft4j.config.ConfigPart;
import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The modules that a method adapts, for those of Hugging Face PEFT's configs that cannot leave
 * modules out: {@link ModuleTargets} without {@code exclude_modules}.
 *
 * @param targetModules the modules that get an adapter: name suffixes, a regular expression over
 *     whole names, or {@code all-linear}; null for queries and values
 * @param modulesToSave modules that are fully trained and saved with the adapter, by name suffix,
 *     or null for none
 * @param layersToTransform indices of the layers that are adapted, from 0, or null for all
 * @param layersPattern name parts before a layer's index, such as {@code layers}, or null for any
 */
@Withers
public record LayerTargets(
    @Nullable TargetModules targetModules,
    @Nullable List<String> modulesToSave,
    @Nullable List<Integer> layersToTransform,
    @Nullable List<String> layersPattern)
    implements ConfigPart, LayerTargetsWithers {

  /**
   * The same targets.
   *
   * @param config the config that they are for
   * @throws IllegalArgumentException if they leave modules out
   */
  static LayerTargets of(ModuleTargets targets, Class<? extends PeftConfig> config) {
    Configs.require(
        targets.excludeModules() == null,
        config,
        "exclude_modules",
        targets.excludeModules(),
        "no such field, as in Hugging Face PEFT; name in target_modules what remains");
    return new LayerTargets(
        targets.targetModules(),
        targets.modulesToSave(),
        targets.layersToTransform(),
        targets.layersPattern());
  }

  /** These targets, which leave none out. */
  public ModuleTargets modules() {
    return new ModuleTargets(targetModules, null, modulesToSave, layersToTransform, layersPattern);
  }
}
