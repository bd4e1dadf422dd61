package io.github.peft4j.methods.prelayer;

import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.LayerSite;
import java.util.List;

/**
 * PreLayer (Hu et al. 2021): virtual tokens before a text, whose states are trained before each
 * layer instead of computed. In an encoder-decoder these are tokens of the encoder.
 */
public final class PreLayer extends BaseMethod<PreLayerConfig> {

  /** The method. */
  public PreLayer() {
    super("PRE_LAYER", PreLayerConfig.class);
  }

  @Override
  public void inject(PreLayerConfig config, Sites sites) {
    int n = config.numVirtualTokens();
    double deviation = config.initializerRange();
    InputSite input = sites.all(InputSite.class).get(0);
    FirstStates first =
        new FirstStates(sites.initial().normal(deviation, n, input.embedding().dimension()));
    sites.rewrite(input, first);
    List<LayerSite> layers =
        sites.all(LayerSite.class).stream()
            .filter(site -> site.place().stack().equals(input.stack()))
            .toList();
    for (LayerSite layer : layers.subList(1, layers.size())) {
      sites.rewrite(
          layer,
          new States(first, sites.initial(layer).normal(deviation, n, layer.place().dimension())));
    }
  }
}
