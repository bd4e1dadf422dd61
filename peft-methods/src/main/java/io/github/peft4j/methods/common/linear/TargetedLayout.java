package io.github.peft4j.methods.common.linear;

import io.github.peft4j.adapter.layout.PeftLayout;
import io.github.peft4j.config.TargetedConfig;
import java.util.Set;

/**
 * The files of methods whose modules Hugging Face PEFT chooses by the type of model where a file
 * names none: by the table {@code target_modules.json} beside the config's class, or by LoRA's.
 */
public class TargetedLayout<C extends TargetedConfig<C>> implements PeftLayout<C> {

  private final Set<String> types;

  /** That of all methods with no other peculiarity. */
  public TargetedLayout() {
    this("FOURIERFT", "HRA", "LN_TUNING", "LOHA", "LOKR", "MISS", "OFT", "SHIRA", "VERA");
  }

  /** That of some methods. */
  protected TargetedLayout(String... types) {
    this.types = Set.of(types);
  }

  @Override
  public final Set<String> types() {
    return types;
  }

  @Override
  public C asRead(C config, String modelType) {
    return config.targetModules() != null
        ? config
        : config.targetModules(DefaultTargets.of(config.getClass()).of(modelType));
  }
}
