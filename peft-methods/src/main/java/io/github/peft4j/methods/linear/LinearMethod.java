package io.github.peft4j.methods.linear;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.Configs;
import io.github.peft4j.tuner.EmbeddingSite;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.Selection;
import io.github.peft4j.tuner.Sites;
import io.github.peft4j.tuner.TunerLayer;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A method that rewrites linear maps, each by a layer of its own: queries and values unless the
 * config names others.
 */
public interface LinearMethod<C extends LinearConfig<C>> extends TargetedMethod<C> {

  /** The rewrite of one map. */
  TunerLayer<NDArray, NDArray> layer(LinearSite site, C config, Initial initial);

  /** The rewrite of one embedding, or null if the method is for linear maps alone. */
  default @Nullable TunerLayer<NDArray, NDArray> layer(
      EmbeddingSite site, C config, Initial initial) {
    return null;
  }

  @Override
  default void inject(C config, Sites sites) {
    Selection<LinearSite> linear = config.targets().linear(sites);
    List<EmbeddingSite> embeddings = config.targets().embeddings(sites).list();
    List<LinearSite> maps = embeddings.isEmpty() ? linear.required() : linear.list();
    for (LinearSite site : maps) {
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
    config.bias().train(maps, sites);
  }
}
