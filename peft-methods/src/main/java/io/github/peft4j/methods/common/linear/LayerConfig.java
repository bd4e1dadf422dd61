package io.github.peft4j.methods.common.linear;

/**
 * Settings of methods that adapt linear layers and whose config in Hugging Face PEFT has no field
 * {@code exclude_modules}.
 *
 * @param <C> the type of the config itself
 */
public interface LayerConfig<C extends LayerConfig<C>> extends LinearConfig<C> {

  /** The modules that get an adapter. */
  LayerTargets layers();

  /** A copy with other targets. */
  C layers(LayerTargets layers);

  @Override
  default ModuleTargets targets() {
    return layers().modules();
  }

  /**
   * A copy with other targets.
   *
   * @throws IllegalArgumentException if they leave modules out
   */
  @Override
  default C targets(ModuleTargets targets) {
    return layers(LayerTargets.of(targets, getClass()));
  }
}
