package io.github.peft4j.methods.bottleneck;

import io.github.peft4j.AdapterHubMethod;
import io.github.peft4j.tuner.HiddenSite;
import io.github.peft4j.tuner.ParameterSite;
import io.github.peft4j.tuner.Site;
import io.github.peft4j.tuner.Sites;
import io.github.peft4j.tuner.SublayerSite;
import io.github.peft4j.tuner.SublayerSite.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

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

  @Override
  public void inject(BottleneckConfig config, Sites sites) {
    if (config.invAdapter() != null) {
      couple(config, sites);
    }
    adapt(config, sites);
  }

  /** An encoder's embeddings alone, and the output of whatever writes. */
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

  /** Layers are counted through, an encoder's before a decoder's. */
  private static void adapt(BottleneckConfig config, Sites sites) {
    Hypercomplex maps =
        config.phm().phmLayer() ? new Hypercomplex(config.phm(), sites.initial()) : null;
    int layer = -1;
    for (SublayerSite site : sites.all(SublayerSite.class)) {
      layer += site.kind() == Kind.ATTENTION ? 1 : 0;
      if (config.places().has(site.kind(), layer)) {
        sites.rewrite(site, new BottleneckAdapter(site, layer, config, maps, sites.initial()));
      }
    }
  }

  @Override
  public String tensorName(Site<?, ?> site, String key) {
    return site instanceof ParameterSite
        ? AdapterHubMethod.super.tensorName(site, key)
        : modulePrefix() + (isShared(key) ? body(site) + key : module(site) + "." + key);
  }

  /** The module that AdapterHub's library keeps adapters in. */
  private static String module(Site<?, ?> site) {
    return site instanceof HiddenSite end
        ? end.stack() + ".invertible_adapters"
        : ((SublayerSite) site).adapterModule();
  }

  private static boolean isShared(String key) {
    return key.startsWith(Hypercomplex.SHARED);
  }

  private static String body(Site<?, ?> site) {
    return AdapterHubMethod.body(((SublayerSite) site).stack());
  }

  /** A norm in front stands in the file twice: as itself, and as the first of adapter_down. */
  @Override
  public List<String> adapterHubNames(Site<?, ?> site, String key, String adapter) {
    if (isShared(key)) {
      String name = key.substring(Hypercomplex.SHARED.length());
      return List.of(body(site) + Hypercomplex.SHARED + adapter + "." + name);
    }
    String module = module(site) + "." + adapter + ".";
    List<String> names = new ArrayList<>(List.of(module + key));
    if (key.startsWith(BottleneckAdapter.NORM_BEFORE)) {
      names.add(module + key.replace(BottleneckAdapter.NORM_BEFORE, "adapter_down.0"));
    }
    return names;
  }
}
