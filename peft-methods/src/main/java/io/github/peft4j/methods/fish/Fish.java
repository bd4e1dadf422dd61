package io.github.peft4j.methods.fish;

import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.methods.fisher.Fisher;
import io.github.peft4j.methods.fisher.FisherMask;
import io.github.peft4j.tuner.injection.Sites;

/**
 * FISH mask (Sung et al. 2021): of all parameters, those with the largest Fisher information are
 * trained. {@link Fisher} chooses them.
 */
public final class Fish extends BaseMethod<FishConfig> {

  /** The method. */
  public Fish() {
    super("FISH", FishConfig.class);
  }

  @Override
  public FishConfig complete(FishConfig config, Sites sites) {
    return FisherMask.complete(config, sites);
  }

  @Override
  public void inject(FishConfig config, Sites sites) {
    FisherMask.inject(config, sites);
  }
}
