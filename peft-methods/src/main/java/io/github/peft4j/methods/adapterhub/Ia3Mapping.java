package io.github.peft4j.methods.adapterhub;

import com.google.gson.JsonObject;
import io.github.peft4j.adapter.adapterhub.AdapterHubMapping;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.methods.ia3.Ia3Config;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.Rewrite;
import io.github.peft4j.tuner.site.Site;
import java.util.List;

/** (IA)³ in AdapterHub's files. There it is a LoRA of rank 1 that scales outputs. */
public final class Ia3Mapping implements AdapterHubMapping<Ia3Config> {

  @Override
  public Class<Ia3Config> configType() {
    return Ia3Config.class;
  }

  @Override
  public String architecture() {
    return AdapterHubLoraConfig.ARCHITECTURE;
  }

  @Override
  public boolean means(JsonObject config) {
    return AdapterHubLoraConfig.scales(config);
  }

  /**
   * AdapterHub only scales outputs: those of keys, values, and the first map of the feed-forward
   * network.
   */
  @Override
  public Ia3Config read(JsonObject config, TargetModules modules, String source) {
    AdapterHubLoraConfig theirs = AdapterHubLoraConfig.of(config, source);
    if (theirs.r() != 1 || theirs.alpha() != 1) {
      throw new UnsupportedMethodException(
          source
              + ": fields 'r' and 'alpha' are "
              + theirs.r()
              + " and "
              + theirs.alpha()
              + ", which peft4j does not support for (IA)³; expected 1 and 1");
    }
    if (theirs.useGating()) {
      throw new UnsupportedMethodException(
          source
              + ": field 'use_gating' is true, which peft4j does not support for (IA)³; expected"
              + " false");
    }
    Ia3Config targeted = Ia3Config.defaults().targetModules(modules);
    return targeted.feedforwardModules(List.of());
  }

  @Override
  public JsonObject write(Ia3Config config, List<Rewrite> rewrites, TransformerModel model) {
    for (Rewrite rewrite : rewrites) {
      if (rewrite.site() instanceof LinearSite map && config.scalesInput(map)) {
        throw new UnsupportedMethodException(
            "Ia3Config: field 'feedforward_modules' is %s, so the input of %s is scaled; AdapterHub's library scales outputs only: save the adapter as Hugging Face PEFT does, by save(folder)"
                .formatted(config.feedforwardModules(), map.name()));
      }
    }
    return LoraPlaces.of(rewrites, model)
        .in(AdapterHubLoraConfig.defaults())
        .r(1)
        .alpha(1)
        .compositionMode("scale")
        .initWeights("ia3")
        .json();
  }

  @Override
  public List<String> names(Site<?, ?> site, String key, String adapter, String modelType) {
    return List.of(site.name() + ".loras." + adapter + ".lora_B");
  }
}
