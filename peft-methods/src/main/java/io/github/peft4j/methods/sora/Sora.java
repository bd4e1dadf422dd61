package io.github.peft4j.methods.sora;

import io.github.peft4j.methods.common.linear.TargetedMethod;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.training.ParameterGroup;
import io.github.peft4j.tuner.training.TrainingRule;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * SoRA (Ding et al. 2023): W x + s B (g ∘ A x). After each step the gates g move towards zero by a
 * fixed amount, and those near it become zero: the rank of each module is what is left.
 */
public final class Sora extends TargetedMethod<SoraConfig> {

  /** The method. */
  public Sora() {
    super("SORA", SoraConfig.class);
  }

  @Override
  public void inject(SoraConfig config, Sites sites) {
    List<LinearSite> targets = config.targets().linear(sites).required();
    double penalty = config.sparseLambda() / (config.r() * (double) targets.size());
    List<SoraLinear> layers = new ArrayList<>();
    for (LinearSite site : targets) {
      SoraLinear layer = layer(site, config, penalty, sites.initial(site));
      sites.rewrite(site, layer);
      layers.add(layer);
    }
    config.bias().train(targets, sites);
    sites.rule(gates(config));
    sites.atSteps(new Threshold(layers, config.sparseLambda2(), config.thresholdByRate()));
  }

  private static SoraLinear layer(
      LinearSite site, SoraConfig config, double penalty, Initializer initial) {
    int r = config.r();
    return new SoraLinear(
        initial.kaimingUniform(r, site.inFeatures()),
        initial.normal(1, 1, r),
        initial.zeros(site.outFeatures(), r),
        config.scale(),
        config.loraDropout(),
        penalty,
        site.isTransposed());
  }

  /** Gates have no weight decay, and a learning rate of their own if the config sets one. */
  private static TrainingRule gates(SoraConfig config) {
    Double rate = config.sparseLr();
    return (name, tensor, usual) ->
        Optional.of(
            tensor.key().equals(SoraLinear.GATE)
                ? new ParameterGroup(rate == null ? usual.learningRate() : rate, 0)
                : usual);
  }
}
