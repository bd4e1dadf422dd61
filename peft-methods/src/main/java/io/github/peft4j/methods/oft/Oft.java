package io.github.peft4j.methods.oft;

import io.github.peft4j.methods.common.linear.LinearMethod;

/**
 * OFT (Qiu et al. 2023): W R x with a rotation R in blocks, (1 - Q)(1 + Q)⁻¹ of a skew-symmetric Q,
 * so that the angles between the rows of W stay as they are.
 */
public final class Oft extends LinearMethod<OftConfig> {

  /** The method. */
  public Oft() {
    super(
        "OFT",
        OftConfig.class,
        (site, config, initial) -> new OftLinear(site, config, initial),
        (site, config, initial) -> new OftEmbedding(site, config, initial));
  }
}
