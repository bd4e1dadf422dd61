package io.github.peft4j.methods.dylora;

import io.github.peft4j.methods.common.linear.TargetedMethod;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.List;

/**
 * DyLoRA (Valipour et al. 2022): W x + α/b B↓b A↓b x. Each training step draws a rank b for all
 * modules and uses the first b rows of A and columns of B. So the adapter is a LoRA at any rank.
 *
 * @see InferenceRank
 */
public final class DyLora extends TargetedMethod<DyLoraConfig> {

  /** The method. */
  public DyLora() {
    super("DYLORA", DyLoraConfig.class);
  }

  @Override
  public void inject(DyLoraConfig config, Sites sites) {
    refuseEmbeddings(config, sites);
    List<LinearSite> targets = config.targets().linear(sites).required();
    DrawnRank rank = new DrawnRank(config);
    for (LinearSite site : targets) {
      sites.rewrite(site, layer(site, config, rank, sites.initial(site)));
    }
    config.bias().train(targets, sites);
    sites.atSteps(rank);
  }

  private static DyLoraLinear layer(
      LinearSite site, DyLoraConfig config, DrawnRank rank, Initializer initial) {
    return new DyLoraLinear(
        initial.kaimingUniform(config.r(), site.inFeatures()),
        initial.zeros(site.outFeatures(), config.r()),
        rank,
        config.loraAlpha(),
        config.loraDropout(),
        site.isTransposed());
  }
}
