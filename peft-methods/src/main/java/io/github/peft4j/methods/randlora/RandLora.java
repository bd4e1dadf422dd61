package io.github.peft4j.methods.randlora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.methods.common.linear.TargetedMethod;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.List;

/**
 * RandLoRA (Albert et al. 2025): W x + s Σₙ Bₙ Λₙ A Γₙ x. The Bₙ and A are random, frozen and
 * shared by all modules; the diagonal matrices Λₙ and Γₙ are trained. Together the terms have full
 * rank.
 */
public final class RandLora extends TargetedMethod<RandLoraConfig> {

  static final String A = "randlora_A";
  static final String B = "randlora_B";

  /** The method. */
  public RandLora() {
    super("RANDLORA", RandLoraConfig.class);
  }

  @Override
  public void inject(RandLoraConfig config, Sites sites) {
    refuseEmbeddings(config, sites);
    List<LinearSite> targets =
        ModuleTargets.named(config.targetModules(), sites)
            .inLayers(config.layersToTransform(), config.layersPattern())
            .required();
    long in = targets.stream().mapToLong(LinearSite::inFeatures).max().orElseThrow();
    long out = targets.stream().mapToLong(LinearSite::outFeatures).max().orElseThrow();
    RandomBases drawn = bases(config, Math.max(in, out), Math.min(in, out), sites);
    SharedBases bases =
        new SharedBases(sites.initial().shared(drawn.a()), sites.initial().shared(drawn.b()));
    for (LinearSite site : targets) {
      sites.rewrite(site, layer(site, config, bases, sites.initial(site)));
    }
    config.bias().train(targets, sites);
  }

  private static RandomBases bases(RandLoraConfig config, long longer, long shorter, Sites sites) {
    if (!config.saveProjection()) {
      return RandomBases.drawn(config, longer, shorter, sites.initial());
    }
    RandomBases bases =
        sites.isFresh()
            ? RandomBases.drawn(config, longer, shorter, sites.initial())
            : RandomBases.unset(config, longer, shorter, sites.initial());
    sites.store(A, bases.a());
    sites.store(B, bases.b());
    return bases;
  }

  private static RandLoraLinear layer(
      LinearSite site, RandLoraConfig config, SharedBases bases, Initializer initial) {
    long shorter = Math.min(site.inFeatures(), site.outFeatures());
    long longer = Math.max(site.inFeatures(), site.outFeatures());
    long n = config.bases(shorter);
    boolean plain = config.initWeights();
    NDArray lambda = plain ? initial.zeros(config.r(), n) : initial.normal(1, config.r(), n);
    NDArray gamma = initial.filled(1.0 / (plain ? shorter : longer), n, shorter);
    return new RandLoraLinear(site, bases, lambda, gamma, config);
  }
}
