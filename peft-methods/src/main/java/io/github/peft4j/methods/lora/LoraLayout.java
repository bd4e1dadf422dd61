package io.github.peft4j.methods.lora;

import io.github.peft4j.methods.common.linear.TargetedLayout;

/** The files of LoRA, which hold no whole table where single tokens are trained. */
public final class LoraLayout extends TargetedLayout<LoraConfig> {

  /** The layout. */
  public LoraLayout() {
    super("LORA");
  }

  @Override
  public boolean storesTables(LoraConfig config) {
    return config.trainableTokenIndices() == null;
  }
}
