package io.github.peft4j.methods.boft;

import io.github.peft4j.methods.common.linear.TargetedLayout;
import java.util.Map;

/** The files of BOFT, whose tensors may have fewer butterfly layers than the config says. */
public final class BoftLayout extends TargetedLayout<BoftConfig> {

  /** The layout. */
  public BoftLayout() {
    super("BOFT");
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
}
