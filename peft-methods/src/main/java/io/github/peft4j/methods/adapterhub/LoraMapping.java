package io.github.peft4j.methods.adapterhub;

import com.google.gson.JsonObject;
import io.github.peft4j.adapter.adapterhub.AdapterHubMapping;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.tuner.site.Site;
import java.util.List;

/**
 * LoRA in AdapterHub's files, which can only be read: PEFT's config lacks some of AdapterHub's
 * fields.
 */
public final class LoraMapping implements AdapterHubMapping<LoraConfig> {

  @Override
  public Class<LoraConfig> configType() {
    return LoraConfig.class;
  }

  @Override
  public String architecture() {
    return AdapterHubLoraConfig.ARCHITECTURE;
  }

  @Override
  public boolean means(JsonObject config) {
    return !AdapterHubLoraConfig.scales(config);
  }

  @Override
  public LoraConfig read(JsonObject config, TargetModules modules, String source) {
    AdapterHubLoraConfig theirs = AdapterHubLoraConfig.of(config, source);
    return LoraConfig.ofRank(theirs.r())
        .loraAlpha(theirs.alpha())
        .loraDropout(theirs.dropout())
        .targetModules(modules);
  }

  @Override
  public boolean isWritable() {
    return false;
  }

  @Override
  public List<String> names(Site<?, ?> site, String key, String adapter, String modelType) {
    return List.of(site.name() + ".loras." + adapter + "." + key.replace(".weight", ""));
  }
}
