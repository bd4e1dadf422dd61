package io.github.peft4j.methods.diffpruning;

import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.methods.common.sparse.SparseSites;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Diff pruning (Guo et al. 2021): W + z ⊙ w, where the loss has a penalty for gates z that are
 * open. Then the largest changes are kept and trained on. A loaded adapter has the entries that
 * were kept.
 */
public final class DiffPruning extends BaseMethod<DiffPruningConfig> {

  /** The method. */
  public DiffPruning() {
    super("DIFF_PRUNING", DiffPruningConfig.class);
  }

  @Override
  public void inject(DiffPruningConfig config, Sites sites) {
    if (!sites.isFresh() || !config.entries().isEmpty()) {
      SparseSites.inject(config, sites);
      return;
    }
    Map<ParameterSite, GatedDelta> deltas = new LinkedHashMap<>();
    for (ParameterSite site : SparseSites.targets(config, sites)) {
      GatedDelta delta = new GatedDelta(site, config, sites.initial(site));
      sites.rewrite(site, delta);
      deltas.put(site, delta);
    }
    SparseSites.follow(deltas, sites);
    sites.atSteps(new Pruning(config, List.copyOf(deltas.values()), SparseSites.whole(sites)));
  }
}
