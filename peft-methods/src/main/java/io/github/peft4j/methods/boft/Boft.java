package io.github.peft4j.methods.boft;

import io.github.peft4j.methods.common.linear.LinearMethod;

/**
 * BOFT (Liu et al. 2023): diag(s) W R x, with a rotation R that is a product of butterfly layers:
 * blocks of rotations between permutations.
 */
public final class Boft extends LinearMethod<BoftConfig> {

  /** The method. */
  public Boft() {
    super(
        "BOFT", BoftConfig.class, (site, config, initial) -> new BoftLinear(site, config, initial));
  }
}
