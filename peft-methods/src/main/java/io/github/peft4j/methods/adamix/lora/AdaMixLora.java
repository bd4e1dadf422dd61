package io.github.peft4j.methods.adamix.lora;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.adamix.Averaged;
import io.github.peft4j.methods.common.linear.LinearMethod;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.LinearSite.Role;

/**
 * AdaMix on LoRA (Wang et al. 2022): several A and B in each module. A training pass takes one of
 * each at random, everything else takes their means.
 *
 * @see Averaged
 */
public final class AdaMixLora extends LinearMethod<AdaMixLoraConfig> {

  /** The method. */
  public AdaMixLora() {
    super("ADAMIX_LORA", AdaMixLoraConfig.class, AdaMixLora::layer);
  }

  /** Heads are computed for some tokens at a time, so that a pass would have several routes. */
  private static ExpertsLinear layer(
      LinearSite site, AdaMixLoraConfig config, Initializer initial) {
    Configs.require(
        site.role() != Role.HEAD && site.role() != Role.HEAD_TRANSFORM,
        AdaMixLoraConfig.class,
        "target_modules",
        config.targetModules(),
        "modules without "
            + site.name()
            + ": a pass has one route, and a head sees some of its tokens only. Name it in"
            + " exclude_modules");
    return new ExpertsLinear(site, config, initial);
  }
}
