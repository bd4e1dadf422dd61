package io.github.peft4j.methods.vblora;

import io.github.peft4j.io.DType;
import io.github.peft4j.methods.common.linear.TargetedLayout;
import io.github.peft4j.tuner.site.Site;

/**
 * The file layout of VB-LoRA. The bank belongs to no module, and places of vectors have the
 * smallest type that holds them.
 */
public final class VbLoraLayout extends TargetedLayout<VbLoraConfig> {

  /** The layout. */
  public VbLoraLayout() {
    super("VBLORA");
  }

  @Override
  public String tensorName(Site<?, ?> site, String key) {
    return key.equals(VbLoraLinear.BANK) ? storedName(key) : super.tensorName(site, key);
  }

  @Override
  public DType integers(VbLoraConfig config) {
    return config.numVectors() < 1 << 8
        ? DType.U8
        : config.numVectors() < 1 << 15 ? DType.I16 : DType.I32;
  }
}
