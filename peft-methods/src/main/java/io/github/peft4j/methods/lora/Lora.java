package io.github.peft4j.methods.lora;

import io.github.peft4j.config.TargetModules;
import io.github.peft4j.method.LowRankMethod;
import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.methods.tokens.TrainableTokens;
import io.github.peft4j.tuner.injection.Selection;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.injection.WeightTying;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** LoRA: W x + s B A x, with W frozen and the low-rank B A trainable (Hu et al. 2021). */
public final class Lora extends BaseMethod<LoraConfig> implements LowRankMethod<LoraConfig> {

  /** The method. */
  public Lora() {
    super("LORA", LoraConfig.class);
  }

  @Override
  public void inject(LoraConfig config, Sites sites) {
    LoraTargets targets = LoraTargets.of(config, sites);
    LoraLayers layers = new LoraLayers(config, sites);
    sites.rewrite(targets.linear(), layers::linear);
    sites.rewrite(targets.embeddings(), layers::embedding);
    sites.rewrite(targets.tiedOutputs(), layers::tied);
    sites.rewrite(targets.tensors(), layers::tensor);
    sites.rewrite(targets.experts(), site -> layers.experts(site, targets.experts()));
    if (config.trainableTokenIndices() != null) {
      targets.requireFreeOfTokens(config, sites);
      TrainableTokens.train(config.trainableTokenIndices(), config.ensureWeightTying(), sites);
    }
    config.bias().train(targets.rewrittenMaps(sites), sites);
  }

  /** Fills in the modules, and whether their weights are transposed, as PEFT does. */
  @Override
  public LoraConfig complete(LoraConfig given, Sites sites) {
    LoraConfig config = ExpertTargets.resolve(given, sites);
    Selection<LinearSite> linear = LoraTargets.modules(config).linear(sites);
    if (!sites.isFresh() || linear.isEmpty()) {
      return config;
    }
    boolean transposed = linear.list().stream().anyMatch(LinearSite::isTransposed);
    LoraConfig complete = config.fanInFanOut(transposed);
    TargetModules targets = config.targetModules();
    if (targets != null && LoraTargets.isTied(config, sites)) {
      return complete.targetModules(new WeightTying(sites).withTable(targets));
    }
    return targets == null || targets.isAllLinear()
        ? complete.targetModules(LoraTargets.modules(config).named(sites).targets())
        : complete;
  }

  @Override
  public LoraConfig ofRanks(
      TargetModules targets, Map<String, Integer> ranks, @Nullable List<String> modulesToSave) {
    return LoraConfig.ofRanks(ranks).targetModules(targets).modulesToSave(modulesToSave);
  }
}
