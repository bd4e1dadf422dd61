package io.github.peft4j.methods.lntuning;

import io.github.peft4j.methods.common.linear.TargetedMethod;
import io.github.peft4j.tuner.injection.Selection;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.NormSite;

/**
 * LN tuning trains the scale of every norm, and its shift if it has one. Everything else is frozen.
 */
public final class LnTuning extends TargetedMethod<LnTuningConfig> {

  /** The method. */
  public LnTuning() {
    super("LN_TUNING", LnTuningConfig.class);
  }

  @Override
  protected Selection<NormSite> named(LnTuningConfig config, Sites sites) {
    return sites.norms(config.targetModules());
  }

  @Override
  public void inject(LnTuningConfig config, Sites sites) {
    for (NormSite norm : named(config, sites).excluding(config.excludeModules()).required()) {
      sites.train(norm.weight(), "ln_tuning_layers.weight");
      norm.bias().ifPresent(bias -> sites.train(bias, "ln_tuning_layers.bias"));
    }
  }
}
