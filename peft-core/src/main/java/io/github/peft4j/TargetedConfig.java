package io.github.peft4j;

import io.github.peft4j.tuner.TargetModules;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings that say which modules are changed.
 *
 * @param <C> the config itself
 */
public interface TargetedConfig<C extends TargetedConfig<C>> extends PeftConfig {

  /** Which modules; null to leave it to the method. */
  @Nullable TargetModules targetModules();

  /** On modules whose names end so. */
  default C targeting(String... suffixes) {
    return targeting(TargetModules.of(List.of(suffixes)));
  }

  /** On these modules. */
  default C targeting(TargetModules targets) {
    return with("targetModules", targets);
  }

  /** A copy with one field changed, see {@link Configs#with}. */
  @SuppressWarnings("unchecked") // C is the class of this
  private C with(String field, Object value) {
    return Configs.with((C) this, field, value);
  }
}
