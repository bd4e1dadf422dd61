package io.github.peft4j.methods.bottleneck;

import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.HiddenSite;
import io.github.peft4j.tuner.site.SublayerSite;
import io.github.peft4j.tuner.site.SublayerSite.Kind;
import java.util.List;
import java.util.Objects;

/**
 * Bottleneck adapters: two small maps with a non-linearity between them, after or parallel to the
 * branches of a layer. They are computed as in AdapterHub's {@code adapters} 1.3.0 ({@code
 * methods/bottleneck.py}, {@code methods/modeling.py}), and have its tensor names.
 */
public final class Bottleneck extends BaseMethod<BottleneckConfig> {

  /** The method. */
  public Bottleneck() {
    super("BOTTLENECK", BottleneckConfig.class);
  }

  @Override
  public void inject(BottleneckConfig config, Sites sites) {
    inject(
        config,
        config.phm().phmLayer()
            ? new PhmLinears(config.phm(), sites.initial())
            : Affine.Dense.source(sites.initial()),
        sites);
  }

  /**
   * Puts adapters with other maps into the sites that the config selects.
   *
   * @param maps creates the two maps of each
   */
  public static void inject(BottleneckConfig config, Affine.Source maps, Sites sites) {
    if (config.invAdapter() != null) {
      couple(config, sites);
    }
    adapt(config, maps, sites);
  }

  /**
   * Adds the invertible adapter: after an encoder's embeddings, and for models that generate text,
   * its inverse before the output.
   */
  private static void couple(BottleneckConfig config, Sites sites) {
    List<HiddenSite> ends = sites.all(HiddenSite.class);
    HiddenSite entrance = ends.get(0);
    Coupling coupling =
        new Coupling(
            entrance.dimension(),
            Objects.requireNonNull(config.invAdapterReductionFactor()),
            config.nonLinearity(),
            sites.initial());
    sites.rewrite(entrance, coupling);
    ends.stream()
        .filter(site -> site.kind() == HiddenSite.Kind.LAST)
        .forEach(exit -> sites.rewrite(exit, coupling.inverse()));
  }

  /** Layers have consecutive numbers: an encoder's come before a decoder's. */
  private static void adapt(BottleneckConfig config, Affine.Source maps, Sites sites) {
    BottleneckAdapter.Settings settings =
        new BottleneckAdapter.Settings(
            config.isParallel(),
            config.norms(),
            config.nonLinearity(),
            config.scaling(),
            config.dropout(),
            config.useGating(),
            config.initWeights());
    int layer = -1;
    for (SublayerSite site : sites.all(SublayerSite.class)) {
      layer += site.kind() == Kind.ATTENTION ? 1 : 0;
      if (config.places().has(site.kind(), layer)) {
        long d = site.dimension();
        long m = config.reductionFactor().width(d, layer);
        sites.rewrite(
            site, new BottleneckAdapter(d, m, settings, maps.at(site.name()), sites.initial(site)));
      }
    }
  }
}
