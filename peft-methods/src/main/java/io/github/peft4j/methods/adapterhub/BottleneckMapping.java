package io.github.peft4j.methods.adapterhub;

import io.github.peft4j.adapter.adapterhub.AdapterHubMapping;
import io.github.peft4j.methods.bottleneck.BottleneckConfig;
import io.github.peft4j.tuner.site.Site;
import io.github.peft4j.tuner.site.SublayerSite;
import java.util.ArrayList;
import java.util.List;

/** Bottleneck adapters in AdapterHub's files. */
public final class BottleneckMapping implements AdapterHubMapping<BottleneckConfig> {

  /** The prefix of the keys of shared tensors, which the first layer holds. */
  private static final String SHARED = "shared_parameters.";

  private static final String NORM_BEFORE = "adapter_norm_before";

  @Override
  public Class<BottleneckConfig> configType() {
    return BottleneckConfig.class;
  }

  @Override
  public String architecture() {
    return "";
  }

  /**
   * The file stores a norm before the adapter twice: under its own name, and as the first module of
   * adapter_down.
   */
  @Override
  public List<String> names(Site<?, ?> site, String key, String adapter, String modelType) {
    if (key.startsWith(SHARED)) {
      String body = AdapterHubModules.body(((SublayerSite) site).stack());
      return List.of(body + SHARED + adapter + "." + key.substring(SHARED.length()));
    }
    String module = AdapterHubModules.ofAdapters(site, modelType) + "." + adapter + ".";
    List<String> names = new ArrayList<>(List.of(module + key));
    if (key.startsWith(NORM_BEFORE)) {
      names.add(module + key.replace(NORM_BEFORE, "adapter_down.0"));
    }
    return names;
  }
}
