package io.github.peft4j.methods.krona;

import io.github.peft4j.methods.common.linear.LinearMethod;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.SublayerSite;
import java.util.List;

/**
 * KronA (Edalati et al. 2022): W x + s (A ⊗ B) x; or the product beside a feed-forward network,
 * optionally with a trained multiple of the network's input.
 */
public final class Krona extends LinearMethod<KronaConfig> {

  /** The method. */
  public Krona() {
    super(
        "KRONA",
        KronaConfig.class,
        (site, config, initial) ->
            new KronaLinear(
                site,
                Kronecker.of(config, site.outFeatures(), site.inFeatures(), site.name(), initial),
                config.scaling()));
  }

  @Override
  public void inject(KronaConfig config, Sites sites) {
    if (config.placement() == KronaPlacement.WEIGHTS) {
      super.inject(config, sites);
      return;
    }
    boolean residual = config.placement() == KronaPlacement.FEED_FORWARD_RESIDUAL;
    List<Integer> layers = config.targets().layersToTransform();
    for (SublayerSite site : sites.all(SublayerSite.class)) {
      if (site.kind() == SublayerSite.Kind.FEED_FORWARD
          && (layers == null || layers.contains(site.layer()))) {
        long d = site.dimension();
        Kronecker factors = Kronecker.of(config, d, d, site.name(), sites.initial(site));
        sites.rewrite(
            site,
            new KronaFeedForward(
                factors,
                config.scaling(),
                residual ? sites.initial(site).filled(config.residualScale(), 1) : null));
      }
    }
  }

  @Override
  public KronaConfig complete(KronaConfig config, Sites sites) {
    return config.placement() == KronaPlacement.WEIGHTS ? super.complete(config, sites) : config;
  }
}
