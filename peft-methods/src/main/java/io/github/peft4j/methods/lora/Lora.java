package io.github.peft4j.methods.lora;

import io.github.peft4j.Configs;
import io.github.peft4j.LowRankMethod;
import io.github.peft4j.methods.common.linear.TargetedMethod;
import io.github.peft4j.methods.tokens.TrainableTokens;
import io.github.peft4j.tuner.EmbeddingSite;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.ParameterSite;
import io.github.peft4j.tuner.Selection;
import io.github.peft4j.tuner.Sites;
import io.github.peft4j.tuner.TargetModules;
import io.github.peft4j.tuner.WeightTying;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** LoRA: W x + s B A x, with the low-rank B A trained and W frozen (Hu et al. 2021). */
public final class Lora extends TargetedMethod<LoraConfig> implements LowRankMethod<LoraConfig> {

  /** The method. */
  public Lora() {
    super("LORA", LoraConfig.class);
  }

  /** What PEFT fills in: which modules, and whether their weights are transposed. */
  @Override
  public LoraConfig complete(LoraConfig config, Sites sites) {
    Selection<LinearSite> linear = linear(config, sites);
    if (!sites.isFresh() || linear.isEmpty()) {
      return config;
    }
    boolean transposed = linear.list().stream().anyMatch(LinearSite::isTransposed);
    LoraConfig complete = Configs.with(config, "fanInFanOut", transposed);
    TargetModules targets = config.targetModules();
    if (targets != null && tiesTargets(config, sites)) {
      return complete.targeting(new WeightTying(sites).withTable(targets));
    }
    return targets == null || targets.isAllLinear()
        ? complete.targeting(config.modules().named(sites).targets())
        : complete;
  }

  @Override
  public LoraConfig ofRanks(
      TargetModules targets, Map<String, Integer> ranks, @Nullable List<String> modulesToSave) {
    return LoraConfig.ofRanks(ranks).targeting(targets).saving(modulesToSave);
  }

  @Override
  public void inject(LoraConfig config, Sites sites) {
    List<LinearSite> tied =
        tiesTargets(config, sites) ? new WeightTying(sites).outputs() : List.of();
    Selection<LinearSite> linear =
        linear(config, sites).where(name -> tied.stream().noneMatch(s -> s.name().equals(name)));
    List<EmbeddingSite> embeddings = config.modules().embeddings(sites).list();
    List<ParameterSite> tensors = tensors(config, sites);
    Lengths.Groups lengths = new Lengths.Groups();
    boolean others = !embeddings.isEmpty() || !tensors.isEmpty() || !tied.isEmpty();
    for (LinearSite site : others ? linear.list() : linear.required()) {
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
    tied.forEach(output -> tie(output, config, sites, lengths));
    for (ParameterSite site : tensors) {
      sites.rewrite(site, new LoraParameter(site, config, sites.initial()));
    }
    if (config.trainableTokenIndices() != null) {
      requireUntied(config, linear.list(), sites);
      TrainableTokens.train(config.trainableTokenIndices(), config.ensureWeightTying(), sites);
    }
    config.bias().train(withTensors(linear.list(), tensors, sites), sites);
  }

  /** DoRA's gain is one of the frozen weight, and not of one with trained rows in it. */
  private static void requireUntied(LoraConfig config, List<LinearSite> maps, Sites sites) {
    List<LinearSite> outputs = new WeightTying(sites).outputs();
    Configs.require(
        !config.useDora() || maps.stream().noneMatch(outputs::contains),
        LoraConfig.class,
        "use_dora",
        true,
        "false with 'trainable_token_indices', where target_modules means an output that shares"
            + " the token table");
  }

  /**
   * Whether outputs get the factors of the token table: modules to save are tied first. A file's
   * tensors tell where its names do not.
   */
  private static boolean tiesTargets(LoraConfig config, Sites sites) {
    List<String> saved = config.modulesToSave();
    TargetModules targets = config.targetModules();
    if (!config.ensureWeightTying() || targets == null) {
      return false;
    }
    WeightTying tying = new WeightTying(sites);
    boolean isRead =
        targets.matches(tying.embedding().name())
            && tying.outputs().stream().anyMatch(o -> sites.isStored(o, "lora_A.weight"));
    return (saved == null || !tying.concerns(saved)) && (tying.concerns(targets) || isRead);
  }

  /** The tensors that are meant by name. */
  private static List<ParameterSite> tensors(LoraConfig config, Sites sites) {
    List<String> names = config.targetParameters();
    return names == null || names.isEmpty()
        ? List.of()
        : sites.parameters(TargetModules.of(names)::matches).required();
  }

  /** The maps that are rewritten, and those of whose weights that holds. */
  private static List<LinearSite> withTensors(
      List<LinearSite> maps, List<ParameterSite> tensors, Sites sites) {
    return sites.all(LinearSite.class).stream()
        .filter(map -> maps.contains(map) || tensors.contains(map.weight()))
        .toList();
  }

  private static void tie(
      LinearSite output, LoraConfig config, Sites sites, Lengths.Groups lengths) {
    EmbeddingSite embedding = new WeightTying(sites).embedding();
    if (!(sites.layer(embedding) instanceof TableFactors table)) {
      throw new IllegalArgumentException(
          "LoraConfig: field 'ensure_weight_tying' is true, and "
              + embedding.name()
              + ", whose factors "
              + output.name()
              + " is to share, is no target; do not exclude it");
    }
    sites.rewrite(
        output,
        config.useDora()
            ? new DoraLinear(output, config, sites, lengths, table)
            : new LoraLinear(output, config, sites, table));
  }

  /** The linear modules that are meant. */
  static Selection<LinearSite> linear(LoraConfig config, Sites sites) {
    return config.modules().linear(sites);
  }
}
