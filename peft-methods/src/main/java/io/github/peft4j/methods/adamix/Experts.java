package io.github.peft4j.methods.adamix;

import io.github.peft4j.config.ConfigPart;
import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.withers.Withers;

/**
 * The experts of an AdaMix adapter and how they are trained, in fields of the authors' code.
 *
 * @param numExperts M, the number of copies of a map, above 0
 * @param sharingDown whether there is one map down for all
 * @param sharingUp whether there is one map up for all
 * @param consistencyWeight the weight in the loss of how far two passes by different routes are
 *     apart, 0 or more; 0 for one pass and the loss of the task alone
 */
@Withers
public record Experts(
    int numExperts, boolean sharingDown, boolean sharingUp, double consistencyWeight)
    implements ConfigPart, ExpertsWithers {

  /** Refuses wrong values, in the name of the config that holds them. */
  public void check(Class<? extends PeftConfig> config) {
    Configs.check(config)
        .positive("num_experts", numExperts)
        .notNegative("consistency_weight", consistencyWeight)
        .finite("consistency_weight", consistencyWeight);
  }

  /** The number of maps down. */
  public int down() {
    return sharingDown ? 1 : numExperts;
  }

  /** The number of maps up. */
  public int up() {
    return sharingUp ? 1 : numExperts;
  }

  /** What a training minimises: the loss of a task, and that two routes agree. */
  public Objective objective(Objective ofTask) {
    return consistencyWeight == 0 || ofTask instanceof Consistency
        ? ofTask
        : new Consistency(ofTask, consistencyWeight);
  }
}
