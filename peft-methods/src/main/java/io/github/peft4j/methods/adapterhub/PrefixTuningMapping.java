package io.github.peft4j.methods.adapterhub;

import io.github.peft4j.adapter.adapterhub.AdapterHubMapping;
import io.github.peft4j.methods.adapterhub.prefixtuning.AdapterHubPrefixConfig;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.Site;
import java.util.List;

/** Prefix tuning in AdapterHub's files. */
public final class PrefixTuningMapping implements AdapterHubMapping<AdapterHubPrefixConfig> {

  @Override
  public Class<AdapterHubPrefixConfig> configType() {
    return AdapterHubPrefixConfig.class;
  }

  @Override
  public String architecture() {
    return "prefix_tuning";
  }

  @Override
  public List<String> names(Site<?, ?> site, String key, String adapter, String modelType) {
    return List.of(
        site instanceof InputSite input
            ? AdapterHubModules.body(input.stack())
                + ("prefix_tuning.prefix_tunings." + adapter + "." + key)
            : site.name()
                + ".prefix_tuning."
                + key.replace("prefix_gates.", "prefix_gates." + adapter + "."));
  }
}
