package io.github.peft4j.methods.boft;

import io.github.peft4j.methods.common.linear.TargetedLayout;
import java.util.Map;

/** The file layout of BOFT. The tensors may have fewer butterfly layers than the config. */
public final class BoftLayout extends TargetedLayout<BoftConfig> {

  /** The layout. */
  public BoftLayout() {
    super("BOFT");
  }

  /**
   * PEFT computes one butterfly layer without its CUDA extension, whatever the config says, so the
   * number is taken from the stored tensors.
   */
  @Override
  public BoftConfig asStored(BoftConfig config, Map<String, long[]> shapes) {
    return shapes.entrySet().stream()
        .filter(tensor -> tensor.getKey().endsWith(".boft_R") && tensor.getValue().length == 4)
        .findFirst()
        .map(tensor -> config.boftNButterflyFactor((int) tensor.getValue()[0]))
        .orElse(config);
  }
}
