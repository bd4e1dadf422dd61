package io.github.peft4j.methods.ltsft;

import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.methods.common.sparse.DenseDelta;
import io.github.peft4j.methods.common.sparse.SparseSites;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * LT-SFT (Ansell et al. 2022): the model is tuned as a whole, the entries that change most become
 * the mask, all are set back, and the entries of the mask are tuned. A loaded adapter has the
 * entries of its mask alone, and training continues with these.
 */
public final class LtSft extends BaseMethod<LtSftConfig> {

  /** Smaller changes are not saved, as in composable-sft. */
  private static final double LEAST = 1e-7;

  /** The method. */
  public LtSft() {
    super("LT_SFT", LtSftConfig.class);
  }

  @Override
  public void inject(LtSftConfig config, Sites sites) {
    if (!sites.isFresh() || !config.entries().isEmpty()) {
      SparseSites.inject(config, sites);
      return;
    }
    Map<ParameterSite, DenseDelta> deltas = new LinkedHashMap<>();
    for (ParameterSite site : SparseSites.targets(config, sites)) {
      DenseDelta delta = new DenseDelta(site, sites.initial(site), LEAST);
      sites.rewrite(site, delta);
      deltas.put(site, delta);
    }
    SparseSites.follow(deltas, sites);
    long parameters =
        sites.all(ParameterSite.class).stream().mapToLong(site -> site.shape().size()).sum();
    sites.atSteps(
        new LotteryTicket(
            config, List.copyOf(deltas.values()), SparseSites.whole(sites), parameters));
  }
}
