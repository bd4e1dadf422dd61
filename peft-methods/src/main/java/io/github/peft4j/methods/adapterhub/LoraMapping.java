package io.github.peft4j.methods.adapterhub;

import com.google.gson.JsonObject;
import io.github.peft4j.adapter.adapterhub.AdapterHubMapping;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.tuner.site.Rewrite;
import io.github.peft4j.tuner.site.Site;
import java.util.List;

/**
 * LoRA in AdapterHub's files. Here it is PEFT's LoRA, whose config names modules. Only what the
 * library has too is written.
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
    return !AdapterHubLoraConfig.scales(config) && !AdapterHubLoraConfig.gates(config);
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
  public JsonObject write(LoraConfig config, List<Rewrite> rewrites, TransformerModel model) {
    refuse(config.useDora(), "use_dora", true);
    refuse(config.loraBias(), "lora_bias", true);
    refuse(config.initLoraWeights().isTakenOff(), "init_lora_weights", config.initLoraWeights());
    refuse(!config.bias().equals(Bias.NONE), "bias", config.bias());
    refuse(!config.rankPattern().isEmpty(), "rank_pattern", config.rankPattern());
    refuse(!config.alphaPattern().isEmpty(), "alpha_pattern", config.alphaPattern());
    double alpha = config.loraAlpha() * (config.useRslora() ? Math.sqrt(config.r()) : 1);
    return LoraPlaces.of(rewrites, model)
        .in(AdapterHubLoraConfig.defaults())
        .r(config.r())
        .alpha(alpha)
        .dropout(config.loraDropout())
        .json();
  }

  private static void refuse(boolean refused, String field, Object value) {
    if (refused) {
      throw new UnsupportedMethodException(
          "LoraConfig: field '%s' is %s, which AdapterHub's library does not have; save the adapter as Hugging Face PEFT does, by save(folder)"
              .formatted(field, value));
    }
  }

  @Override
  public List<String> names(Site<?, ?> site, String key, String adapter, String modelType) {
    return List.of(site.name() + ".loras." + adapter + "." + key.replace(".weight", ""));
  }
}
