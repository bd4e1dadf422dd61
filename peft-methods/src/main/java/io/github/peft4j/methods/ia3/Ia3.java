package io.github.peft4j.methods.ia3;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.methods.common.linear.TargetedMethod;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.injection.Selection;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.LinearSite.Role;

/**
 * (IA)³ scales the outputs of keys and values, and the inner activations of the feed-forward
 * network.
 */
public final class Ia3 extends TargetedMethod<Ia3Config> {

  /** The method. */
  public Ia3() {
    super("IA3", Ia3Config.class);
  }

  @Override
  public void inject(Ia3Config config, Sites sites) {
    sites.rewrite(
        named(config, sites).excluding(config.excludeModules()).required(),
        site ->
            config.scalesInput(site)
                ? new ScaledInput(
                    start(config, sites.initial(site), 1, site.inFeatures()), site.isTransposed())
                : new ScaledOutput(
                    start(config, sites.initial(site), site.outFeatures(), 1),
                    site.isTransposed()));
  }

  /** Ones, which have no effect, or normally distributed values. */
  private static NDArray start(Ia3Config config, Initializer initial, long... shape) {
    return config.initIa3Weights() ? initial.filled(1, shape) : initial.normal(1, shape);
  }

  @Override
  protected Selection<LinearSite> named(Ia3Config config, Sites sites) {
    return sites.linear(
        config.targetModules(), Role.KEY, Role.VALUE, Role.QUERY_KEY_VALUE, Role.DOWN);
  }

  /** Also names the last maps of the feed-forward networks. */
  @Override
  public Ia3Config complete(Ia3Config config, Sites sites) {
    Ia3Config named = super.complete(config, sites);
    boolean open = config.targetModules() == null && config.feedforwardModules() == null;
    Selection<LinearSite> down = sites.linear(null, Role.DOWN);
    return open && sites.isFresh() ? named.feedforwardModules(down.targets()) : named;
  }
}
