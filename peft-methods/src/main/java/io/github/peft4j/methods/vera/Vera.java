package io.github.peft4j.methods.vera;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.TorchRandom;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.methods.common.linear.TargetedMethod;
import io.github.peft4j.tuner.SharedBuffer;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.List;

/**
 * VeRA (Kopiczko et al. 2023): W x + b ∘ (B (d ∘ (A x))). A and B are random, frozen and shared by
 * all modules. Each module uses as many columns of A and rows of B as it needs.
 */
public final class Vera extends TargetedMethod<VeraConfig> {

  /** The method. */
  public Vera() {
    super("VERA", VeraConfig.class);
  }

  @Override
  public void inject(VeraConfig config, Sites sites) {
    List<LinearSite> targets =
        ModuleTargets.named(config.targetModules(), sites)
            .inLayers(config.layersToTransform(), config.layersPattern())
            .required();
    int in = (int) targets.stream().mapToLong(LinearSite::inFeatures).max().orElseThrow();
    int out = (int) targets.stream().mapToLong(LinearSite::outFeatures).max().orElseThrow();
    int r = config.r();
    NDArray a;
    NDArray b;
    try (TorchRandom random = new TorchRandom(config.projectionPrngKey())) {
      a = sites.initial().of(random.uniform(Math.sqrt(6.0 / in), Initializer.count(r, in)), r, in);
      b = sites.initial().of(random.uniform(Math.sqrt(6.0 / r), Initializer.count(out, r)), out, r);
    }
    if (config.saveProjection()) {
      sites.store("vera_A", a);
      sites.store("vera_B", b);
    }
    boolean plain = config.initWeights();
    SharedBuffer sharedA = sites.initial().shared(a);
    SharedBuffer sharedB = sites.initial().shared(b);
    for (LinearSite site : targets) {
      Initializer initial = sites.initial(site);
      long rows = site.outFeatures();
      NDArray scale = plain ? initial.zeros(rows) : initial.filled(1, rows);
      NDArray d = plain ? initial.filled(config.dInitial(), r) : initial.normal(1, r);
      sites.rewrite(site, new VeraLinear(site, sharedA, sharedB, d, scale, config.veraDropout()));
    }
    config.bias().train(targets, sites);
  }
}
