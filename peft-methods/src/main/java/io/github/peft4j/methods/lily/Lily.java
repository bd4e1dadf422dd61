package io.github.peft4j.methods.lily;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.types.Shape;
import io.github.peft4j.config.Configs;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.methods.common.linear.TargetedMethod;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.LinearSite.Role;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Lily (Zhong et al. 2024): W x + s (Σₑ pₑ Bₑ)ᵀ A x. Consecutive modules of a kind share A, all of
 * a kind share the Bₑ, and a router in each module makes the weights p.
 */
public final class Lily extends TargetedMethod<LilyConfig> {

  /** The method. */
  public Lily() {
    super("LILY", LilyConfig.class);
  }

  /** Modules of one kind: those that one target names and that have the same shape. */
  private record Kind(String target, Shape shape) {}

  @Override
  public void inject(LilyConfig config, Sites sites) {
    refuseEmbeddings(config, sites);
    TargetModules named = requireNonNull(complete(config, sites, true).targetModules());
    Map<Kind, List<LilyLinear>> kinds = new LinkedHashMap<>();
    for (LinearSite site : config.targets().linear(sites).required()) {
      refuseHead(site, config);
      Kind kind = new Kind(target(site.name(), named), site.weight().shape());
      List<LilyLinear> before = kinds.computeIfAbsent(kind, k -> new ArrayList<>());
      LilyLinear layer = layer(site, config, before, sites.initial(site));
      before.add(layer);
      sites.rewrite(site, layer);
    }
  }

  /** PEFT shares by names; {@code all-linear} means those of the modules. */
  @Override
  public LilyConfig complete(LilyConfig config, Sites sites) {
    return complete(config, sites, sites.isFresh());
  }

  private LilyConfig complete(LilyConfig config, Sites sites, boolean fresh) {
    TargetModules targets = config.targetModules();
    return fresh && (targets == null || targets.isAllLinear())
        ? config.targetModules(named(config, sites).targets())
        : config;
  }

  /** The longest target that a name ends in, or the regular expression. */
  private static String target(String name, TargetModules targets) {
    List<String> suffixes = targets.suffixes();
    return suffixes == null
        ? targets.toString()
        : suffixes.stream()
            .filter(name::endsWith)
            .max(Comparator.comparingInt(String::length))
            .orElse(name);
  }

  /** The heads of language models are computed for some of a batch's tokens at a time. */
  private void refuseHead(LinearSite site, LilyConfig config) {
    Configs.require(
        site.role() != Role.HEAD && site.role() != Role.HEAD_TRANSFORM,
        configType(),
        "target_modules",
        config.targetModules(),
        "modules without "
            + site.name()
            + ": Lily takes a mean over all tokens of a batch, and a head sees some of them only."
            + " Name it in exclude_modules");
  }

  private static LilyLinear layer(
      LinearSite site, LilyConfig config, List<LilyLinear> before, Initializer initial) {
    int r = config.r();
    int n = config.numB();
    int place = before.size() % config.strideA();
    long out = site.outFeatures();
    return new LilyLinear(
        place == 0 ? null : before.get(before.size() - place),
        before.isEmpty() ? null : before.get(0),
        new LilyLinear.Start(
            () -> initial.main().kaimingUniform(r, site.inFeatures()),
            () ->
                config.initWeights()
                    ? initial.main().zeros((long) n * r, out)
                    : initial.main().kaimingUniform((long) n * r, out),
            initial.kaimingUniform(n, r)),
        config);
  }
}
