package io.github.peft4j.methods.bottleneck;

import io.github.peft4j.PeftMethod;
import io.github.peft4j.tuner.Sites;
import io.github.peft4j.tuner.SublayerSite;
import io.github.peft4j.tuner.SublayerSite.Kind;

/**
 * Bottleneck adapters: two small maps with a non-linearity between them, behind or beside the
 * branches of a layer. Tensors are called as AdapterHub calls them, below the branch's name.
 */
public final class Bottleneck implements PeftMethod<BottleneckConfig> {

  @Override
  public String type() {
    return "BOTTLENECK";
  }

  @Override
  public Class<BottleneckConfig> configType() {
    return BottleneckConfig.class;
  }

  @Override
  public void inject(BottleneckConfig config, Sites sites) {
    for (SublayerSite site : sites.all(SublayerSite.class)) {
      boolean wanted =
          (site.kind() == Kind.ATTENTION && config.mhAdapter())
              || (site.kind() == Kind.FEED_FORWARD && config.outputAdapter());
      if (wanted && !config.leaveOut().contains(site.layer())) {
        sites.rewrite(site, new BottleneckAdapter(site, config, sites.initial()));
      }
    }
  }
}
