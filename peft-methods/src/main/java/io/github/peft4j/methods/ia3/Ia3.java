package io.github.peft4j.methods.ia3;

import com.google.gson.JsonObject;
import io.github.peft4j.AdapterHubMethod;
import io.github.peft4j.UnsupportedMethodException;
import io.github.peft4j.methods.hublora.HubLoraConfig;
import io.github.peft4j.methods.linear.DefaultTargets;
import io.github.peft4j.methods.linear.TargetedMethod;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.LinearSite.Role;
import io.github.peft4j.tuner.Selection;
import io.github.peft4j.tuner.Site;
import io.github.peft4j.tuner.Sites;
import io.github.peft4j.tuner.TargetModules;
import java.util.List;

/** (IA)³: keys and values scaled on their output, the feed-forward network on its inner state. */
public final class Ia3 implements AdapterHubMethod<Ia3Config>, TargetedMethod<Ia3Config> {

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
  public DefaultTargets defaultTargets() {
    return DEFAULTS;
  }

  @Override
  public Ia3Config asRead(Ia3Config config, String modelType) {
    Ia3Config named = TargetedMethod.super.asRead(config, modelType);
    return named.feedforwardModules() == null
        ? named.feedForward(FEED_FORWARD.of(modelType))
        : named;
  }

  @Override
  public Ia3Config complete(Ia3Config config, Sites sites) {
    Ia3Config named = TargetedMethod.super.complete(config, sites);
    boolean open = config.targetModules() == null && config.feedforwardModules() == null;
    Selection<LinearSite> down = sites.linear(null, Role.DOWN);
    return open && sites.isFresh() && !down.isEmpty()
        ? named.feedforwardModules(down.targets())
        : named;
  }

  @Override
  public Selection<LinearSite> named(Ia3Config config, Sites sites) {
    return sites.linear(
        config.targetModules(), Role.KEY, Role.VALUE, Role.QUERY_KEY_VALUE, Role.DOWN);
  }

  @Override
  public void inject(Ia3Config config, Sites sites) {
    for (LinearSite site : named(config, sites).excluding(config.excludeModules()).required()) {
      sites.rewrite(
          site,
          config.scalesInput(site)
              ? new ScaledInput(site, config, sites.initial())
              : new ScaledOutput(site, config, sites.initial()));
    }
  }

  @Override
  public String architecture() {
    return HubLoraConfig.ARCHITECTURE;
  }

  @Override
  public boolean means(JsonObject config) {
    return HubLoraConfig.scales(config);
  }

  /** The library scales outputs alone: of keys, values, and the first map of the network. */
  @Override
  public Ia3Config fromAdapterHub(JsonObject config, TargetModules modules, String source) {
    HubLoraConfig hub = HubLoraConfig.of(config, source);
    if (hub.r() != 1 || hub.alpha() != 1) {
      throw new UnsupportedMethodException(
          source
              + ": fields 'r' and 'alpha' are "
              + hub.r()
              + " and "
              + hub.alpha()
              + ", which peft4j does not support for (IA)³; expected 1 and 1");
    }
    Ia3Config targeted = Ia3Config.defaults().targetModules(modules);
    return targeted.feedforwardModules(List.of());
  }

  @Override
  public boolean writesAdapterHub() {
    return false;
  }

  @Override
  public List<String> adapterHubNames(Site<?, ?> site, String key, String adapter) {
    return List.of(site.name() + ".loras." + adapter + ".lora_B");
  }
}
