package io.github.peft4j.methods.adapterhub;

import com.google.gson.JsonObject;
import io.github.peft4j.adapter.adapterhub.AdapterHubMapping;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.methods.gatedlora.GatedLoraConfig;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.site.Rewrite;
import io.github.peft4j.tuner.site.Site;
import java.util.List;

/** Gated LoRA in AdapterHub's files: a LoRA with {@code use_gating}. */
public final class GatedLoraMapping implements AdapterHubMapping<GatedLoraConfig> {

  @Override
  public Class<GatedLoraConfig> configType() {
    return GatedLoraConfig.class;
  }

  @Override
  public String architecture() {
    return AdapterHubLoraConfig.ARCHITECTURE;
  }

  @Override
  public boolean means(JsonObject config) {
    return !AdapterHubLoraConfig.scales(config) && AdapterHubLoraConfig.gates(config);
  }

  @Override
  public GatedLoraConfig read(JsonObject config, TargetModules modules, String source) {
    AdapterHubLoraConfig theirs = AdapterHubLoraConfig.of(config, source);
    return GatedLoraConfig.ofRank(theirs.r())
        .loraAlpha(theirs.alpha())
        .loraDropout(theirs.dropout())
        .targetModules(modules);
  }

  @Override
  public JsonObject write(GatedLoraConfig config, List<Rewrite> rewrites, TransformerModel model) {
    return LoraPlaces.of(rewrites, model)
        .in(AdapterHubLoraConfig.defaults())
        .r(config.r())
        .alpha(config.loraAlpha())
        .dropout(config.loraDropout())
        .useGating(true)
        .json();
  }

  @Override
  public List<String> names(Site<?, ?> site, String key, String adapter, String modelType) {
    return List.of(
        site.name() + ".loras." + adapter + "." + key.replaceFirst("^(lora_[AB])\\.weight$", "$1"));
  }
}
