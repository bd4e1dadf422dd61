package io.github.peft4j.methods.adapterhub;

import io.github.peft4j.adapter.adapterhub.AdapterHubMapping;
import io.github.peft4j.methods.adapterhub.prompttuning.AdapterHubPromptConfig;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.Site;
import java.util.List;

/** Prompt tuning in AdapterHub's files. */
public final class PromptTuningMapping implements AdapterHubMapping<AdapterHubPromptConfig> {

  @Override
  public Class<AdapterHubPromptConfig> configType() {
    return AdapterHubPromptConfig.class;
  }

  @Override
  public String architecture() {
    return "prompt_tuning";
  }

  @Override
  public List<String> names(Site<?, ?> site, String key, String adapter, String modelType) {
    String body = AdapterHubModules.body(((InputSite) site).stack());
    return List.of(body + "prompt_tuning.prompt_tunings." + adapter + "." + key);
  }
}
