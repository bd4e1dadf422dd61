package io.github.peft4j.methods.adamix;

import io.github.peft4j.config.ConfigPart;
import io.github.peft4j.withers.Withers;

/**
 * How many experts each map of an AdaMix adapter has, in the fields of the authors' code.
 *
 * @param numExperts M, the number of copies of a map, above 0
 * @param sharingDown whether there is one map down for all
 * @param sharingUp whether there is one map up for all
 */
@Withers
public record Experts(int numExperts, boolean sharingDown, boolean sharingUp)
    implements ConfigPart, ExpertsWithers {

  /** The number of maps down. */
  public int down() {
    return sharingDown ? 1 : numExperts;
  }

  /** The number of maps up. */
  public int up() {
    return sharingUp ? 1 : numExperts;
  }
}
