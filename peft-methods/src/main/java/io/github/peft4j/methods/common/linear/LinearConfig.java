package io.github.peft4j.methods.common.linear;

import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.TargetedConfig;
import io.github.peft4j.tuner.injection.Bias;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings that say which linear maps are rewritten, with Hugging Face PEFT's names.
 *
 * @param <C> the config itself
 */
public interface LinearConfig<C extends LinearConfig<C>> extends TargetedConfig<C> {

  /** Which modules. */
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

  /** Which biases are trained besides; none for methods without the field. */
  default Bias bias() {
    return Bias.NONE;
  }
}
