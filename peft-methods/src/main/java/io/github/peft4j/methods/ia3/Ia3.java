package io.github.peft4j.methods.ia3;

import io.github.peft4j.Configs;
import io.github.peft4j.PeftMethod;
import io.github.peft4j.methods.linear.DefaultTargets;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.LinearSite.Role;
import io.github.peft4j.tuner.Sites;

/** (IA)³: keys and values scaled on their output, the feed-forward network on its inner state. */
public final class Ia3 implements PeftMethod<Ia3Config> {

  private static final DefaultTargets DEFAULTS = DefaultTargets.beside(Ia3.class, "target_modules");
  private static final DefaultTargets FEED_FORWARD =
      DefaultTargets.beside(Ia3.class, "feedforward_modules");

  @Override
  public String type() {
    return "IA3";
  }

  @Override
  public Class<Ia3Config> configType() {
    return Ia3Config.class;
  }

  @Override
  public Ia3Config asRead(Ia3Config config, String modelType) {
    Ia3Config named = DEFAULTS.complete(config, config.targetModules(), modelType);
    return named.feedforwardModules() == null
        ? named.feedForward(FEED_FORWARD.of(modelType))
        : named;
  }

  @Override
  public Ia3Config complete(Ia3Config config, Sites sites) {
    Ia3Config named = Configs.name(config, sites, meant(config, sites));
    boolean open = config.targetModules() == null && config.feedforwardModules() == null;
    Sites.Selection<LinearSite> down = sites.linear(null, Role.DOWN);
    return open && sites.isFresh() && !down.isEmpty()
        ? Configs.with(named, "feedforwardModules", down.targets())
        : named;
  }

  private static Sites.Selection<LinearSite> meant(Ia3Config config, Sites sites) {
    return sites.linear(
        config.targetModules(), Role.KEY, Role.VALUE, Role.QUERY_KEY_VALUE, Role.DOWN);
  }

  @Override
  public void inject(Ia3Config config, Sites sites) {
    for (LinearSite site : meant(config, sites).excluding(config.excludeModules()).required()) {
      sites.rewrite(
          site,
          config.scalesInput(site)
              ? new ScaledInput(site, config, sites.initial())
              : new ScaledOutput(site, config, sites.initial()));
    }
  }
}
