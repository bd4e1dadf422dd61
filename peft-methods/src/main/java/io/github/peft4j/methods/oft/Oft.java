package io.github.peft4j.methods.oft;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.methods.linear.LinearMethod;
import io.github.peft4j.tuner.EmbeddingSite;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.TunerLayer;

/**
 * OFT (Qiu et al. 2023): W R x with a rotation R in blocks, (1 - Q)(1 + Q)⁻¹ of a skew-symmetric Q,
 * so that the angles between the rows of W stay as they are.
 */
public final class Oft implements LinearMethod<OftConfig> {

  @Override
  public String type() {
    return "OFT";
  }

  @Override
  public Class<OftConfig> configType() {
    return OftConfig.class;
  }

  @Override
  public TunerLayer<NDArray, NDArray> layer(LinearSite site, OftConfig config, Initial initial) {
    return new OftLinear(site, config, initial);
  }

  @Override
  public TunerLayer<NDArray, NDArray> layer(EmbeddingSite site, OftConfig config, Initial initial) {
    return new OftEmbedding(site, config, initial);
  }
}
