package io.github.peft4j.methods.reft;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.LayerSite;
import java.util.List;

/**
 * ReFT (Wu et al. 2024, arXiv:2404.03592): the hidden states of a text's first and last tokens are
 * changed after layers. It computes what AdapterHub's {@code adapters} 1.3.0 computes ({@code
 * methods/reft.py}), and has its tensor names.
 */
public final class Reft extends BaseMethod<ReftConfig> {

  /** The method. */
  public Reft() {
    super("REFT", ReftConfig.class);
  }

  /** Layers have consecutive numbers: an encoder's come before a decoder's. */
  @Override
  public void inject(ReftConfig config, Sites sites) {
    List<LayerSite> layers = sites.all(LayerSite.class);
    List<InputSite> inputs = sites.all(InputSite.class);
    String last = inputs.get(inputs.size() - 1).stack();
    for (int i = 0; i < layers.size(); i++) {
      LayerSite site = layers.get(i);
      if (config.layers().has(i)) {
        if (inputs.size() > 1
            && site.place().stack().equals(last)
            && config.suffixPositions() > 0) {
          throw new UnsupportedMethodException(
              "ReftConfig: field 'suffix_positions' is %d, but %s is a layer of a decoder that has no prompt, so its last tokens are not known; expected 0, or layers of the encoder only in field 'layers'"
                  .formatted(config.suffixPositions(), site.name()));
        }
        Configs.require(
            config.r() <= site.place().dimension(),
            ReftConfig.class,
            "r",
            config.r(),
            "at most " + site.place().dimension() + ", the width of " + site.name());
        sites.rewrite(site, new ReftIntervention(config, site, sites));
      }
    }
    Configs.require(
        !sites.rewrites().isEmpty() && isWithin(config.layers(), layers.size()),
        ReftConfig.class,
        "layers",
        config.layers().indices(),
        "indices below " + layers.size() + ", the number of layers");
  }

  private static boolean isWithin(ReftLayers layers, int count) {
    return layers.indices() == null || layers.indices().stream().allMatch(i -> i < count);
  }
}
