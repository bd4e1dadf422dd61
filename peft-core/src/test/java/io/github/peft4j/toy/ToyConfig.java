package io.github.peft4j.toy;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.TargetedConfig;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of the toy method.
 *
 * @param scale first value of s, above 0; 1
 * @param shift first value of t; 0
 * @param targetModules the linear maps that are changed; null for queries
 * @param excludeModules those that are left out
 * @param layersToTransform layers that are changed, from 0; null for all
 * @param modulesToSave modules trained whole
 */
public record ToyConfig(
    double scale,
    double shift,
    @Nullable TargetModules targetModules,
    @Nullable TargetModules excludeModules,
    @Nullable List<Integer> layersToTransform,
    @Nullable List<String> modulesToSave)
    implements TargetedConfig<ToyConfig> {

  /** Checks the values. */
  public ToyConfig {
    Configs.require(scale > 0, ToyConfig.class, "scale", scale, "a number above 0");
  }

  /** The defaults with these first values. */
  public static ToyConfig of(double scale, double shift) {
    return new ToyConfig(scale, shift, null, null, null, null);
  }

  @Override
  public ToyConfig targetModules(@Nullable TargetModules targets) {
    return new ToyConfig(scale, shift, targets, excludeModules, layersToTransform, modulesToSave);
  }

  /** A copy that leaves modules out. */
  public ToyConfig excludeModules(String... modules) {
    TargetModules excluded = TargetModules.of(modules);
    return new ToyConfig(scale, shift, targetModules, excluded, layersToTransform, modulesToSave);
  }

  /** A copy for some layers. */
  public ToyConfig layersToTransform(Integer... layers) {
    return new ToyConfig(
        scale, shift, targetModules, excludeModules, List.of(layers), modulesToSave);
  }

  /** A copy that trains modules whole. */
  public ToyConfig modulesToSave(String... modules) {
    return new ToyConfig(
        scale, shift, targetModules, excludeModules, layersToTransform, List.of(modules));
  }
}
