package io.github.peft4j.methods.adalora;

import io.github.peft4j.methods.linear.DefaultTargets;
import io.github.peft4j.methods.linear.TargetedMethod;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.Sites;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * AdaLoRA (Zhang et al. 2023): W x + s B diag(E) A x. A budget of ranks shrinks during training,
 * and the triplets of least importance give theirs up, whatever module they belong to.
 */
public final class AdaLora implements TargetedMethod<AdaLoraConfig> {

  private static final DefaultTargets DEFAULTS =
      DefaultTargets.beside(AdaLora.class, "target_modules");

  @Override
  public String type() {
    return "ADALORA";
  }

  @Override
  public Class<AdaLoraConfig> configType() {
    return AdaLoraConfig.class;
  }

  @Override
  public DefaultTargets defaultTargets() {
    return DEFAULTS;
  }

  @Override
  public void inject(AdaLoraConfig config, Sites sites) {
    List<LinearSite> targets = config.targets().linear(sites).required();
    double penalty = config.orthRegWeight() / (2 * targets.size());
    List<AdaLoraLinear> layers = new ArrayList<>();
    for (LinearSite site : targets) {
      AdaLoraLinear layer = new AdaLoraLinear(site, config, penalty, sites.initial());
      sites.rewrite(site, layer);
      layers.add(layer);
    }
    config.bias().train(targets, sites);
    sites.afterStep(new RankAllocator(config, layers));
  }

  @Override
  public AdaLoraConfig trained(AdaLoraConfig config, List<Sites.Rewrite> rewrites) {
    Map<String, boolean[]> pattern = new LinkedHashMap<>();
    int steps = config.tinit() + config.tfinal() + 1;
    for (Sites.Rewrite rewrite : rewrites) {
      if (rewrite.layer() instanceof AdaLoraLinear layer && layer.kept() != null) {
        steps = layer.plannedSteps();
        String module = rewrite.site().name();
        RankPattern before = config.rankPattern();
        pattern.put(
            module, RankPattern.within(before == null ? null : before.kept(module), layer.kept()));
      }
    }
    AdaLoraConfig loadable = // PEFT does not load a config without total_step
        config.totalStep() == null ? config.totalStep(steps) : config;
    return pattern.isEmpty() ? loadable : loadable.rankPattern(new RankPattern(pattern));
  }
}
