package io.github.peft4j.methods.common.linear;

import io.github.peft4j.adapter.layout.PeftLayout;
import io.github.peft4j.config.TargetedConfig;
import java.util.Set;

/**
 * The file layout of methods for which Hugging Face PEFT chooses the modules by model type if a
 * file names none. The table is {@code target_modules.json} next to the config's class, or LoRA's.
 */
public class TargetedLayout<C extends TargetedConfig<C>> implements PeftLayout<C> {

  private final Set<String> types;

  /** Creates the layout that most methods share. */
  public TargetedLayout() {
    this(
        "C3A",
        "DELORA",
        "FOURIERFT",
        "GRALORA",
        "HRA",
        "LN_TUNING",
        "LOHA",
        "LOKR",
        "MISS",
        "OFT",
        "POLY",
        "ROAD",
        "SHIRA",
        "VERA",
        "WAVEFT");
  }

  /** Creates the layout of certain method types. */
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
