package io.github.peft4j.methods.lntuning;

import io.github.peft4j.methods.linear.DefaultTargets;
import io.github.peft4j.methods.linear.TargetedMethod;
import io.github.peft4j.tuner.NormSite;
import io.github.peft4j.tuner.Selection;
import io.github.peft4j.tuner.Sites;

/** LN tuning: every norm's scale, and shift if it has one, is trained; all else is frozen. */
public final class LnTuning implements TargetedMethod<LnTuningConfig> {

  private static final DefaultTargets DEFAULTS =
      DefaultTargets.beside(LnTuning.class, "target_modules");

  @Override
  public String type() {
    return "LN_TUNING";
  }

  @Override
  public Class<LnTuningConfig> configType() {
    return LnTuningConfig.class;
  }

  @Override
  public DefaultTargets defaultTargets() {
    return DEFAULTS;
  }

  @Override
  public Selection<NormSite> named(LnTuningConfig config, Sites sites) {
    return sites.norms(config.targetModules());
  }

  @Override
  public void inject(LnTuningConfig config, Sites sites) {
    for (NormSite norm : named(config, sites).excluding(config.excludeModules()).required()) {
      String name = modulePrefix() + norm.name() + ".ln_tuning_layers.";
      sites.train(norm.weight(), name + "weight");
      norm.bias().ifPresent(bias -> sites.train(bias, name + "bias"));
    }
  }
}
