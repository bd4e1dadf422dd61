package io.github.peft4j.methods.linear;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.Configs;
import io.github.peft4j.PeftMethod;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.LinearSite.Role;
import io.github.peft4j.tuner.Sites;
import io.github.peft4j.tuner.TunerLayer;
import java.util.List;

/**
 * A method that rewrites linear maps, each by a layer of its own: queries and values unless the
 * config names others.
 */
public interface LinearMethod<C extends LinearConfig> extends PeftMethod<C> {

  /** The rewrite of one map. */
  TunerLayer<NDArray, NDArray> layer(LinearSite site, C config, Initial initial);

  /** PEFT's table of modules by model type. */
  default DefaultTargets defaultTargets() {
    return DefaultTargets.COMMON;
  }

  @Override
  default C asRead(C config, String modelType) {
    return defaultTargets().complete(config, config.targetModules(), modelType);
  }

  @Override
  default C complete(C config, Sites sites) {
    return Configs.name(config, sites, meant(config, sites));
  }

  @Override
  default void inject(C config, Sites sites) {
    List<LinearSite> targets =
        meant(config, sites)
            .excluding(config.excludeModules())
            .inLayers(config.layersToTransform(), config.layersPattern())
            .required();
    for (LinearSite site : targets) {
      sites.rewrite(site, layer(site, config, sites.initial()));
    }
    config.bias().train(targets, sites);
  }

  private Sites.Selection<LinearSite> meant(C config, Sites sites) {
    return sites.linear(config.targetModules(), Role.QUERY, Role.VALUE, Role.QUERY_KEY_VALUE);
  }
}
