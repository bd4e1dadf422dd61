package io.github.peft4j.methods.adamix;

import io.github.peft4j.methods.bottleneck.Bottleneck;
import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.tuner.injection.Sites;

/**
 * AdaMix on bottleneck adapters (Wang et al. 2022): several maps down and up in each adapter. A
 * training pass takes one of each at random, everything else takes their mean.
 *
 * @see Averaged
 */
public final class AdaMix extends BaseMethod<AdaMixConfig> {

  /** The method. */
  public AdaMix() {
    super("ADAMIX", AdaMixConfig.class);
  }

  @Override
  public void inject(AdaMixConfig config, Sites sites) {
    Bottleneck.inject(config.adapter(), new ExpertMaps(config.experts(), sites.initial()), sites);
  }
}
