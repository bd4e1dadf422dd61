package io.github.peft4j.methods.lora;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.methods.lora.factors.Factors;
import io.github.peft4j.tuner.injection.Selection;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.injection.WeightTying;
import io.github.peft4j.tuner.site.EmbeddingSite;
import io.github.peft4j.tuner.site.ExpertsSite;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.List;

/**
 * The sites that an adapter changes.
 *
 * @param linear linear layers
 * @param embeddings embeddings
 * @param tiedOutputs output layers that share the factors of an embedding
 * @param tensors single tensors of any module
 * @param experts maps of experts, whose tensors the config names
 */
record LoraTargets(
    List<LinearSite> linear,
    List<EmbeddingSite> embeddings,
    List<LinearSite> tiedOutputs,
    List<ParameterSite> tensors,
    List<ExpertsSite> experts) {

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
    List<ParameterSite> named = tensors(config, sites);
    List<ExpertsSite> experts =
        sites.all(ExpertsSite.class).stream().filter(e -> named.contains(e.weight())).toList();
    List<ParameterSite> tensors =
        named.stream()
            .filter(tensor -> experts.stream().noneMatch(e -> e.weight() == tensor))
            .toList();
    boolean others = !embeddings.isEmpty() || !named.isEmpty() || !tied.isEmpty();
    return new LoraTargets(
        others ? linear.list() : linear.required(), embeddings, tied, tensors, experts);
  }

  /** The modules to adapt; none if the config only names tensors. */
  static ModuleTargets modules(LoraConfig config) {
    return config.targetModules() == null && targetsTensors(config)
        ? config.targets().targetModules(TargetModules.of(List.of()))
        : config.targets();
  }

  private static boolean targetsTensors(LoraConfig config) {
    return config.targetParameters() != null && !config.targetParameters().isEmpty();
  }

  /** The tensors that the config names. */
  private static List<ParameterSite> tensors(LoraConfig config, Sites sites) {
    List<String> names = config.targetParameters();
    return names == null || names.isEmpty()
        ? List.of()
        : sites.parameters(TargetModules.of(names)).required();
  }

  /**
   * Whether output layers share the factors of the embedding. Modules to save are tied first. When
   * an adapter is loaded, the stored tensors decide if the names do not.
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

  /** The linear layers that are adapted, including those whose weights are adapted as tensors. */
  List<LinearSite> rewrittenMaps(Sites sites) {
    return sites.all(LinearSite.class).stream()
        .filter(map -> linear.contains(map) || tensors.contains(map.weight()))
        .toList();
  }

  /**
   * Refuses DoRA on an output layer that shares an embedding with trainable tokens: its magnitude
   * needs the frozen weight.
   */
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
