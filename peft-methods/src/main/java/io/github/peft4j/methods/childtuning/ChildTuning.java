package io.github.peft4j.methods.childtuning;

import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.methods.common.sparse.SparseSites;
import io.github.peft4j.methods.fisher.FisherMask;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TrainableCopy;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.ArrayList;
import java.util.List;

/**
 * Child-Tuning (Xu et al. 2021): the gradients of a part of the parameters count, the others are
 * zero. Mode F trains copies of all tensors, with another part at each step. Mode D trains the same
 * part at all steps, which {@link io.github.peft4j.methods.fisher.Fisher} chooses; the others never
 * change, so that only this part is kept.
 */
public final class ChildTuning extends BaseMethod<ChildTuningConfig> {

  /** The method. */
  public ChildTuning() {
    super("CHILD_TUNING", ChildTuningConfig.class);
  }

  @Override
  public ChildTuningConfig complete(ChildTuningConfig config, Sites sites) {
    return config.mode() == ChildTuningMode.FREE ? config : FisherMask.complete(config, sites);
  }

  @Override
  public void inject(ChildTuningConfig config, Sites sites) {
    if (config.mode() == ChildTuningMode.DRIVEN) {
      FisherMask.inject(config, sites);
      return;
    }
    List<Trainable> masked = new ArrayList<>();
    for (ParameterSite site : SparseSites.targets(config, sites)) {
      TrainableCopy copy = new TrainableCopy("", sites.initial(site).copy(site));
      sites.rewrite(site, copy);
      masked.add(copy.value());
    }
    sites.followTables();
    sites.atSteps(new BernoulliMask(masked, config.reserveP(), config.seed()));
  }
}
