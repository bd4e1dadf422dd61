package io.github.peft4j.methods.linear;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.Configs;
import io.github.peft4j.PeftMethod;
import io.github.peft4j.tuner.EmbeddingSite;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.LinearSite.Role;
import io.github.peft4j.tuner.Site;
import io.github.peft4j.tuner.Sites;
import io.github.peft4j.tuner.TunerLayer;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

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

  /** The rewrite of one embedding, or null if the method is for linear maps alone. */
  default @Nullable TunerLayer<NDArray, NDArray> layer(
      EmbeddingSite site, C config, Initial initial) {
    return null;
  }

  @Override
  default C complete(C config, Sites sites) {
    return Configs.name(config, sites, meant(config, sites));
  }

  @Override
  default void inject(C config, Sites sites) {
    Sites.Selection<LinearSite> chosen = chosen(meant(config, sites), config);
    List<EmbeddingSite> embeddings =
        chosen(sites.embeddings(config.targetModules()), config).list();
    List<LinearSite> targets = embeddings.isEmpty() ? chosen.required() : chosen.list();
    for (LinearSite site : targets) {
      sites.rewrite(site, layer(site, config, sites.initial()));
    }
    for (EmbeddingSite site : embeddings) {
      TunerLayer<NDArray, NDArray> layer = layer(site, config, sites.initial());
      Configs.require(
          layer != null,
          configType(),
          "target_modules",
          config.targetModules(),
          "linear maps alone: " + type() + " is not for embeddings, such as " + site.name());
      sites.rewrite(site, Objects.requireNonNull(layer));
    }
    config.bias().train(targets, sites);
  }

  private <S extends Site<?, ?>> Sites.Selection<S> chosen(Sites.Selection<S> meant, C config) {
    return meant
        .excluding(config.excludeModules())
        .inLayers(config.layersToTransform(), config.layersPattern());
  }

  private Sites.Selection<LinearSite> meant(C config, Sites sites) {
    return sites.linear(config.targetModules(), Role.QUERY, Role.VALUE, Role.QUERY_KEY_VALUE);
  }
}
