package io.github.peft4j.methods.adalora;

import io.github.peft4j.methods.common.linear.TargetedLayout;
import io.github.peft4j.tuner.site.Rewrite;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The file layout of AdaLoRA. Its config lists the ranks that training has kept. */
public final class AdaLoraLayout extends TargetedLayout<AdaLoraConfig> {

  /** The layout. */
  public AdaLoraLayout() {
    super("ADALORA");
  }

  @Override
  public AdaLoraConfig trained(AdaLoraConfig config, List<Rewrite> rewrites) {
    Map<String, boolean[]> pattern = new LinkedHashMap<>();
    int steps = config.tinit() + config.tfinal() + 1;
    for (Rewrite rewrite : rewrites) {
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
