package io.github.peft4j.methods.common.linear;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.config.Configs;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.injection.Selection;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.EmbeddingSite;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A method that adapts linear layers one by one. By default these are the queries and values.
 *
 * <pre>{@code
 * public Hra() {
 *   super("HRA", HraConfig.class, (site, config, initial) -> new HraLinear(...));
 * }
 * }</pre>
 */
public abstract class LinearMethod<C extends LinearConfig<C>> extends TargetedMethod<C> {

  private final Layers<C> linear;
  private final @Nullable LayerFactory<EmbeddingSite, C> embedding;

  /** Creates the adapter layer of one site. */
  @FunctionalInterface
  public interface LayerFactory<S, C> {

    /**
     * Creates the adapter layer.
     *
     * @param initial creates its tensors
     */
    TunerLayer<NDArray, NDArray> layer(S site, C config, Initializer initial);
  }

  /** Decides how layers are created, once all modules of an adapter are known. */
  @FunctionalInterface
  public interface Layers<C> {

    /**
     * Decides it.
     *
     * @param modules the linear layers that get one
     */
    LayerFactory<LinearSite, C> of(C config, List<LinearSite> modules);
  }

  /** Creates a method for linear layers only. */
  protected LinearMethod(String type, Class<C> configType, LayerFactory<LinearSite, C> linear) {
    this(type, configType, linear, null);
  }

  /** Creates a method for linear layers whose layers depend on one another. */
  protected LinearMethod(String type, Class<C> configType, Layers<C> linear) {
    super(type, configType);
    this.linear = linear;
    this.embedding = null;
  }

  /** Creates a method for linear layers and, if a factory is given, embeddings. */
  protected LinearMethod(
      String type,
      Class<C> configType,
      LayerFactory<LinearSite, C> linear,
      @Nullable LayerFactory<EmbeddingSite, C> embedding) {
    super(type, configType);
    this.linear = (config, modules) -> linear;
    this.embedding = embedding;
  }

  @Override
  public void inject(C config, Sites sites) {
    Selection<LinearSite> named = config.targets().linear(sites);
    List<EmbeddingSite> tables = config.targets().embeddings(sites).list();
    List<LinearSite> maps = tables.isEmpty() ? named.required() : named.list();
    LayerFactory<LinearSite, C> layers = linear.of(config, maps);
    for (LinearSite site : maps) {
      sites.rewrite(site, layers.layer(site, config, sites.initial(site)));
    }
    for (EmbeddingSite site : tables) {
      sites.rewrite(site, layer(site, config, sites.initial(site)));
    }
    config.bias().train(maps, sites);
  }

  private TunerLayer<NDArray, NDArray> layer(EmbeddingSite site, C config, Initializer initial) {
    if (embedding == null) {
      throw Configs.error(
          configType(),
          "target_modules",
          config.targetModules(),
          "linear maps alone: " + type() + " is not for embeddings, such as " + site.name());
    }
    return embedding.layer(site, config, initial);
  }
}
