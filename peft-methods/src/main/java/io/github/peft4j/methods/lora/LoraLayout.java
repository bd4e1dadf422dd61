package io.github.peft4j.methods.lora;

import io.github.peft4j.io.TensorSource;
import io.github.peft4j.methods.common.linear.TargetedLayout;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.List;

/** The file layout of LoRA. If single tokens are trained, the file contains no whole embedding. */
public final class LoraLayout extends TargetedLayout<LoraConfig> {

  /** The layout. */
  public LoraLayout() {
    super("LORA");
  }

  @Override
  public TensorSource read(TensorSource file, List<ParameterSite> tensors) {
    return SingleExperts.over(file, tensors);
  }

  @Override
  public boolean storesTables(LoraConfig config) {
    return config.trainableTokenIndices() == null;
  }
}
