package io.github.peft4j.methods.lora;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.methods.lora.factors.Factors;
import io.github.peft4j.tuner.injection.Selection;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.injection.WeightTying;
import io.github.peft4j.tuner.site.EmbeddingSite;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.List;

/**
 * What an adapter rewrites.
 *
 * @param linear linear maps
 * @param embeddings token tables
 * @param tiedOutputs outputs that get the factors of the token table that they share
 * @param tensors tensors of whatever module
 */
record LoraTargets(
    List<LinearSite> linear,
    List<EmbeddingSite> embeddings,
    List<LinearSite> tiedOutputs,
    List<ParameterSite> tensors) {

  /**
   * The targets of a config.
   *
   * @throws IllegalArgumentException if there are none
   */
  static LoraTargets of(LoraConfig config, Sites sites) {
    ModuleTargets modules = modules(config);
    List<LinearSite> tied = isTied(config, sites) ? sites.tokenTable().outputs() : List.of();
    Selection<LinearSite> linear =
        modules.linear(sites).where(name -> tied.stream().noneMatch(s -> s.name().equals(name)));
    List<EmbeddingSite> embeddings = modules.embeddings(sites).list();
    List<ParameterSite> tensors = tensors(config, sites);
    boolean others = !embeddings.isEmpty() || !tensors.isEmpty() || !tied.isEmpty();
    return new LoraTargets(others ? linear.list() : linear.required(), embeddings, tied, tensors);
  }

  /** Which modules; none where tensors alone are meant. */
  static ModuleTargets modules(LoraConfig config) {
    return config.targetModules() == null && targetsTensors(config)
        ? config.targets().targetModules(TargetModules.of(List.of()))
        : config.targets();
  }

  private static boolean targetsTensors(LoraConfig config) {
    return config.targetParameters() != null && !config.targetParameters().isEmpty();
  }

  /** The tensors that are meant by name. */
  private static List<ParameterSite> tensors(LoraConfig config, Sites sites) {
    List<String> names = config.targetParameters();
    return names == null || names.isEmpty()
        ? List.of()
        : sites.parameters(TargetModules.of(names)::matches).required();
  }

  /**
   * Whether outputs get the factors of the token table: modules to save are tied first. A file's
   * tensors tell where its names do not.
   */
  static boolean isTied(LoraConfig config, Sites sites) {
    List<String> saved = config.modulesToSave();
    TargetModules targets = config.targetModules();
    if (!config.ensureWeightTying() || targets == null) {
      return false;
    }
    WeightTying tying = new WeightTying(sites);
    boolean isStored =
        targets.matches(tying.embedding().name())
            && tying.outputs().stream().anyMatch(o -> sites.isStored(o, Factors.A));
    return (saved == null || !tying.concerns(saved)) && (tying.concerns(targets) || isStored);
  }

  /** The maps that are rewritten, and those of whose weights that holds. */
  List<LinearSite> rewrittenMaps(Sites sites) {
    return sites.all(LinearSite.class).stream()
        .filter(map -> linear.contains(map) || tensors.contains(map.weight()))
        .toList();
  }

  /** DoRA's gain is one of the frozen weight, and not of one with trained rows in it. */
  void requireFreeOfTokens(LoraConfig config, Sites sites) {
    List<LinearSite> outputs = sites.tokenTable().outputs();
    Configs.require(
        !config.useDora() || linear.stream().noneMatch(outputs::contains),
        LoraConfig.class,
        "use_dora",
        true,
        "false with 'trainable_token_indices', where target_modules means an output that shares"
            + " the token table");
  }
}
