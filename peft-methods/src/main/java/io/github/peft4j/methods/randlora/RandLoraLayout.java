package io.github.peft4j.methods.randlora;

import io.github.peft4j.methods.common.linear.TargetedLayout;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.Rewrite;
import java.util.LinkedHashMap;
import java.util.Map;

/** The file layout of RandLoRA. PEFT repeats the shared bases with each module. */
public final class RandLoraLayout extends TargetedLayout<RandLoraConfig> {

  /** The layout. */
  public RandLoraLayout() {
    super("RANDLORA");
  }

  @Override
  public Map<String, Trainable> repeated(RandLoraConfig config, Sites sites) {
    Map<String, Trainable> names = new LinkedHashMap<>();
    for (Rewrite rewrite : sites.rewrites()) {
      if (rewrite.layer() instanceof RandLoraLinear) {
        sites.stored().forEach((key, base) -> names.put(tensorName(rewrite.site(), key), base));
      }
    }
    return names;
  }
}
