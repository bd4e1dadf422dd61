package io.github.peft4j.methods.boft;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.methods.linear.LinearMethod;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.TunerLayer;
import java.util.Map;

/**
 * BOFT (Liu et al. 2023): diag(s) W R x, with a rotation R that is a product of butterfly layers:
 * blocks of rotations between permutations.
 */
public final class Boft implements LinearMethod<BoftConfig> {

  @Override
  public String type() {
    return "BOFT";
  }

  @Override
  public Class<BoftConfig> configType() {
    return BoftConfig.class;
  }

  /**
   * PEFT computes one butterfly layer unless its CUDA extension is there, whatever is asked for.
   */
  @Override
  public BoftConfig asStored(BoftConfig config, Map<String, long[]> shapes) {
    return shapes.entrySet().stream()
        .filter(tensor -> tensor.getKey().endsWith(".boft_R"))
        .findFirst()
        .map(tensor -> config.boftNButterflyFactor((int) tensor.getValue()[0]))
        .orElse(config);
  }

  @Override
  public TunerLayer<NDArray, NDArray> layer(LinearSite site, BoftConfig config, Initial initial) {
    return new BoftLinear(site, config, initial);
  }
}
