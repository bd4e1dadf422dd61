package io.github.peft4j.methods.full;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.TargetedConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of full fine-tuning. Hugging Face PEFT has no such method; the fields are named in its
 * style.
 *
 * @param targetModules modules whose tensors are trained; null for all
 * @param excludeModules which of those not, or null
 * @param modulesToSave more modules to be trained, or null
 */
@Withers
public record FullConfig(
    @Nullable TargetModules targetModules,
    @Nullable TargetModules excludeModules,
    @Nullable List<String> modulesToSave)
    implements TargetedConfig<FullConfig>, FullConfigWithers {

  /** Everything is trained. */
  public static FullConfig defaults() {
    return Configs.withDefaults(FullConfig.class);
  }

  /** Whether a tensor is trained. */
  boolean trains(String parameter) {
    String module = parameter.substring(0, Math.max(0, parameter.lastIndexOf('.')));
    return (targetModules == null || targetModules.matches(module))
        && (excludeModules == null || !excludeModules.matches(module));
  }
}
