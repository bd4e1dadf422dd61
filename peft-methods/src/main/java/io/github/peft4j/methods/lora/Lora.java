package io.github.peft4j.methods.lora;

import com.google.gson.JsonObject;
import io.github.peft4j.AdapterHubMethod;
import io.github.peft4j.Configs;
import io.github.peft4j.LowRankMethod;
import io.github.peft4j.methods.hublora.HubLoraConfig;
import io.github.peft4j.methods.linear.DefaultTargets;
import io.github.peft4j.methods.tokens.TrainableTokens;
import io.github.peft4j.tuner.EmbeddingSite;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.LinearSite.Role;
import io.github.peft4j.tuner.ParameterSite;
import io.github.peft4j.tuner.Site;
import io.github.peft4j.tuner.Sites;
import io.github.peft4j.tuner.TargetModules;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** LoRA: W x + s B A x, with the low-rank B A trained and W frozen (Hu et al. 2021). */
public final class Lora implements LowRankMethod<LoraConfig>, AdapterHubMethod<LoraConfig> {

  private static final String PREFIX = "base_model.model.";
  private static final List<String> EMBEDDINGS = List.of("embed_tokens", "lm_head");

  @Override
  public String type() {
    return "LORA";
  }

  @Override
  public Class<LoraConfig> configType() {
    return LoraConfig.class;
  }

  @Override
  public LoraConfig asRead(LoraConfig config, String modelType) {
    return DefaultTargets.COMMON.complete(config, config.targetModules(), modelType);
  }

  /** What PEFT fills in: which modules, and whether their weights are transposed. */
  @Override
  public LoraConfig complete(LoraConfig config, Sites sites) {
    Sites.Selection<LinearSite> linear = linear(config, sites);
    if (!sites.isFresh() || linear.isEmpty()) {
      return config;
    }
    boolean transposed = linear.list().stream().anyMatch(LinearSite::isTransposed);
    LoraConfig complete = Configs.with(config, "fanInFanOut", transposed);
    TargetModules targets = config.targetModules();
    return targets == null || targets.isAllLinear()
        ? complete.targeting(meant(config, sites).targets())
        : complete;
  }

  @Override
  public LoraConfig ofRanks(
      TargetModules targets, Map<String, Integer> ranks, @Nullable List<String> modulesToSave) {
    return LoraConfig.ofRanks(ranks).targeting(targets).saving(modulesToSave);
  }

  @Override
  public void inject(LoraConfig config, Sites sites) {
    Sites.Selection<LinearSite> linear = linear(config, sites);
    List<EmbeddingSite> embeddings =
        sites.embeddings(config.targetModules()).where(chosen(config)).list();
    Lengths.Groups lengths = new Lengths.Groups();
    for (LinearSite site : embeddings.isEmpty() ? linear.required() : linear.list()) {
      sites.rewrite(
          site,
          config.useDora()
              ? new DoraLinear(site, config, sites, lengths)
              : new LoraLinear(site, config, sites));
    }
    for (EmbeddingSite site : embeddings) {
      sites.rewrite(
          site,
          config.useDora()
              ? new DoraEmbedding(site, config, sites)
              : new LoraEmbedding(site, config, sites.initial()));
    }
    storeEmbeddings(config, sites);
    if (config.trainableTokenIndices() != null) {
      TrainableTokens.train(config.trainableTokenIndices(), sites);
    }
    config.bias().train(linear.list(), sites);
  }

  /** The linear modules that are meant. */
  static Sites.Selection<LinearSite> linear(LoraConfig config, Sites sites) {
    return meant(config, sites).where(chosen(config));
  }

  /** Those of all layers. */
  private static Sites.Selection<LinearSite> meant(LoraConfig config, Sites sites) {
    return sites.linear(config.targetModules(), Role.QUERY, Role.VALUE, Role.QUERY_KEY_VALUE);
  }

  private static Predicate<String> chosen(LoraConfig config) {
    Predicate<String> inLayers =
        TargetModules.inLayers(config.layersToTransform(), config.layersPattern());
    TargetModules excluded = config.excludeModules();
    return excluded == null ? inLayers : inLayers.and(name -> !excluded.matches(name));
  }

  @Override
  public String architecture() {
    return HubLoraConfig.ARCHITECTURE;
  }

  @Override
  public boolean means(JsonObject config) {
    return !HubLoraConfig.scales(config);
  }

  @Override
  public LoraConfig fromAdapterHub(JsonObject config, TargetModules modules, String source) {
    HubLoraConfig hub = HubLoraConfig.of(config, source);
    return LoraConfig.ofRank(hub.r()).alpha(hub.alpha()).dropout(hub.dropout()).targeting(modules);
  }

  @Override
  public boolean writesAdapterHub() {
    return false;
  }

  @Override
  public List<String> adapterHubNames(Site<?, ?> site, String key, String adapter) {
    return List.of(site.name() + ".loras." + adapter + "." + key.replace(".weight", ""));
  }

  /** PEFT stores the frozen table of these modules when they are targets by name. */
  private static void storeEmbeddings(LoraConfig config, Sites sites) {
    TargetModules targets = config.targetModules();
    List<String> names = targets == null ? null : targets.suffixes();
    if (names == null || Collections.disjoint(names, EMBEDDINGS)) {
      return;
    }
    for (Sites.Rewrite rewrite : sites.rewrites()) {
      Site<?, ?> site = rewrite.site();
      ParameterSite table = site.weightSite();
      boolean embedding =
          site instanceof EmbeddingSite
              || (site instanceof LinearSite linear && linear.role() == Role.HEAD);
      if (embedding && table != null) {
        sites.storeFrozen(PREFIX + site.name() + ".base_layer.weight", table);
      }
    }
  }
}
