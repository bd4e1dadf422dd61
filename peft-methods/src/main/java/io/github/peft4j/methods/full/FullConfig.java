package io.github.peft4j.methods.full;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.TargetedConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of full fine-tuning. Hugging Face PEFT has no such method; the field names follow its
 * style.
 *
 * @param targetModules the modules whose tensors are trained; null for all
 * @param excludeModules modules to leave out of those, or null for none
 * @param modulesToSave further modules to train, or null for none
 */
@Withers
public record FullConfig(
    @Nullable TargetModules targetModules,
    @Nullable TargetModules excludeModules,
    @Nullable List<String> modulesToSave)
    implements TargetedConfig<FullConfig>, FullConfigWithers {

  /** Trains every tensor of the model. */
  public static FullConfig defaults() {
    return Configs.withDefaults(FullConfig.class);
  }
}
