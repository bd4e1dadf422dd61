package io.github.peft4j.methods.fusion;

import io.github.peft4j.composition.Composition;
import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.SublayerSite;
import java.util.List;

/**
 * AdapterFusion: attention over the outputs of several adapters, at every branch that has adapters
 * (Pfeiffer et al. 2021, section 3.2). The adapters exist before the fusion, which freezes them.
 *
 * <p>Tensors have AdapterHub's names, below the branch's name: {@code query.weight}, {@code
 * query.bias}, {@code key.weight}, {@code key.bias}, {@code value.weight}.
 */
public final class Fusion extends BaseMethod<FusionConfig> {

  /** The method. */
  public Fusion() {
    super("ADAPTER_FUSION", FusionConfig.class);
  }

  @Override
  public void inject(FusionConfig config, Sites sites) {
    List<String> names = config.adapterNames();
    Configs.require(
        names.size() > 1, FusionConfig.class, "adapter_names", names, "two adapters at least");
    List<SublayerSite> places =
        sites.all(SublayerSite.class).stream()
            .filter(site -> names.stream().anyMatch(name -> sites.isRewritten(site, name)))
            .toList();
    Configs.require(
        !places.isEmpty(),
        FusionConfig.class,
        "adapter_names",
        names,
        "bottleneck adapters that are on the model already: add or load them first");
    for (SublayerSite site : places) {
      sites.rewrite(
          site,
          new FusionLayer(
              site.dimension(),
              config.value(),
              config.queryBeforeLn(),
              config.regularization(),
              config.dropoutProb(),
              sites.initial(site)));
    }
  }

  @Override
  public Composition composition(String adapter, FusionConfig config) {
    return Composition.fuse(adapter, config.adapterNames().toArray(String[]::new));
  }
}
