package io.github.peft4j.methods.common.linear;

import io.github.peft4j.Configs;
import io.github.peft4j.TargetedConfig;
import io.github.peft4j.tuner.Bias;
import io.github.peft4j.tuner.TargetModules;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings that say which linear maps are rewritten, with Hugging Face PEFT's names.
 *
 * @param <C> the config itself
 */
public interface LinearConfig<C extends LinearConfig<C>> extends TargetedConfig<C> {

  /** Which modules. */
  Targets targets();

  @Override
  default @Nullable TargetModules targetModules() {
    return targets().targetModules();
  }

  @Override
  default @Nullable List<String> modulesToSave() {
    return targets().modulesToSave();
  }

  /** Which biases are trained besides; none for methods without the field. */
  default Bias bias() {
    return Bias.NONE;
  }

  /** On every linear module but the output layer. */
  default C targetingAllLinear() {
    return targeting(TargetModules.matching(TargetModules.ALL_LINEAR));
  }

  /** Not on modules whose names end so. */
  default C excluding(String... suffixes) {
    return with("excludeModules", TargetModules.of(List.of(suffixes)));
  }

  /** On these layers only. */
  default C layers(Integer... indices) {
    return with("layersToTransform", List.of(indices));
  }

  /** With these modules trained whole. */
  default C saving(String... modules) {
    return with("modulesToSave", List.of(modules));
  }

  /** A copy with one field changed, see {@link Configs#with}. */
  @SuppressWarnings("unchecked") // C is the class of this
  private C with(String field, Object value) {
    return Configs.with((C) this, field, value);
  }
}
