package io.github.peft4j.methods.common.linear;

import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.TargetedConfig;
import io.github.peft4j.tuner.injection.Bias;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of methods that adapt linear layers, with Hugging Face PEFT's names.
 *
 * @param <C> the type of the config itself
 */
public interface LinearConfig<C extends LinearConfig<C>> extends TargetedConfig<C> {

  /** The modules that get an adapter. */
  ModuleTargets targets();

  /** A copy with other targets. */
  C targets(ModuleTargets targets);

  @Override
  default @Nullable TargetModules targetModules() {
    return targets().targetModules();
  }

  @Override
  default C targetModules(@Nullable TargetModules targetModules) {
    return targets(targets().targetModules(targetModules));
  }

  @Override
  default @Nullable List<String> modulesToSave() {
    return targets().modulesToSave();
  }

  /** Which biases of the model are also trained. Methods without the field train none. */
  default Bias bias() {
    return Bias.NONE;
  }
}
