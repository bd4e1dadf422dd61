package io.github.peft4j.methods.bottleneck;

import io.github.peft4j.AdapterHubMethod;
import io.github.peft4j.tuner.Site;
import io.github.peft4j.tuner.Sites;
import io.github.peft4j.tuner.SublayerSite;
import io.github.peft4j.tuner.SublayerSite.Kind;
import java.util.ArrayList;
import java.util.List;

/**
 * Bottleneck adapters: two small maps with a non-linearity between them, behind or beside the
 * branches of a layer, as AdapterHub's library {@code adapters} 1.3.0 computes them ({@code
 * methods/bottleneck.py}, {@code methods/modeling.py}) and calls their tensors.
 */
public final class Bottleneck implements AdapterHubMethod<BottleneckConfig> {

  @Override
  public String type() {
    return "BOTTLENECK";
  }

  @Override
  public String architecture() {
    return "";
  }

  @Override
  public Class<BottleneckConfig> configType() {
    return BottleneckConfig.class;
  }

  /** Layers are counted through, an encoder's before a decoder's. */
  @Override
  public void inject(BottleneckConfig config, Sites sites) {
    int layer = -1;
    for (SublayerSite site : sites.all(SublayerSite.class)) {
      layer += site.kind() == Kind.ATTENTION ? 1 : 0;
      boolean wanted =
          switch (site.kind()) {
            case ATTENTION -> config.mhAdapter();
            case CROSS_ATTENTION -> config.crossAdapter();
            case FEED_FORWARD -> config.outputAdapter();
          };
      if (wanted && !config.leaveOut().contains(layer)) {
        sites.rewrite(site, new BottleneckAdapter(site, layer, config, sites.initial()));
      }
    }
  }

  @Override
  public String tensorName(Site<?, ?> site, String key) {
    return site instanceof SublayerSite branch
        ? modulePrefix() + branch.adapterModule() + "." + key
        : AdapterHubMethod.super.tensorName(site, key);
  }

  /** A norm in front stands in the file twice: as itself, and as the first of adapter_down. */
  @Override
  public List<String> adapterHubNames(Site<?, ?> site, String key, String adapter) {
    String module = ((SublayerSite) site).adapterModule() + "." + adapter + ".";
    List<String> names = new ArrayList<>(List.of(module + key));
    if (key.startsWith(BottleneckAdapter.NORM_BEFORE)) {
      names.add(module + key.replace(BottleneckAdapter.NORM_BEFORE, "adapter_down.0"));
    }
    return names;
  }
}
