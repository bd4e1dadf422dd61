package io.github.peft4j.methods.adaptionprompt;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.methods.common.prompt.ModelShape;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.AttentionSite;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.SublayerSite;
import java.util.List;

/**
 * LLaMA-Adapter: in the top layers, queries also attend to n trainable prompts, through a gate that
 * starts closed (Zhang et al. 2023).
 *
 * <p>As in the paper, the result is added before the attention's output projection. In models whose
 * queries, keys and values are one module (GPT-2), PEFT adds it after the projection. peft4j does
 * the same there, so that adapters can be exchanged.
 */
public final class AdaptionPrompt extends BaseMethod<AdaptionPromptConfig> {

  /** The method. */
  public AdaptionPrompt() {
    super("ADAPTION_PROMPT", AdaptionPromptConfig.class);
  }

  @Override
  public AdaptionPromptConfig complete(AdaptionPromptConfig config, Sites sites) {
    String module = lastPart(attentions(sites).get(0).name());
    return config.targetModules(
        Configs.settle(
            AdaptionPromptConfig.class, "target_modules", config.targetModules(), module));
  }

  private static String lastPart(String name) {
    return name.substring(name.lastIndexOf('.') + 1);
  }

  private static List<AttentionSite> attentions(Sites sites) {
    List<InputSite> inputs = sites.all(InputSite.class);
    return ModelShape.selfAttention(sites, inputs.get(inputs.size() - 1));
  }

  @Override
  public void inject(AdaptionPromptConfig config, Sites sites) {
    List<AttentionSite> all = attentions(sites);
    Configs.require(
        config.adapterLayers() <= all.size(),
        AdaptionPromptConfig.class,
        "adapter_layers",
        config.adapterLayers(),
        "at most the model's " + all.size());
    long dimension = ModelShape.hidden(sites, sites.all(InputSite.class).get(0));
    for (AttentionSite site : all.subList(all.size() - config.adapterLayers(), all.size())) {
      if (isFused(site, sites)) {
        sites.rewrite(
            sublayer(site, sites),
            new GatedPromptBehind(site, config.adapterLen(), dimension, sites.initial(site)));
      } else {
        sites.rewrite(
            site, new GatedPrompt(site, config.adapterLen(), dimension, sites.initial(site)));
      }
    }
  }

  private static boolean isFused(AttentionSite site, Sites sites) {
    return sites.all(LinearSite.class).stream()
        .anyMatch(
            linear ->
                linear.role() == LinearSite.Role.QUERY_KEY_VALUE
                    && linear.name().startsWith(site.name() + "."));
  }

  private static SublayerSite sublayer(AttentionSite attention, Sites sites) {
    return sites.all(SublayerSite.class).stream()
        .filter(site -> site.name().equals(attention.name()))
        .findFirst()
        .orElseThrow();
  }
}
