package io.github.peft4j.methods.lily;

import io.github.peft4j.methods.common.linear.TargetedLayout;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.Rewrite;
import java.util.LinkedHashMap;
import java.util.Map;

/** The file layout of Lily. PEFT repeats what modules share with each of them. */
public final class LilyLayout extends TargetedLayout<LilyConfig> {

  /** The layout. */
  public LilyLayout() {
    super("LILY");
  }

  @Override
  public Map<String, Trainable> repeated(LilyConfig config, Sites sites) {
    Map<String, Trainable> names = new LinkedHashMap<>();
    for (Rewrite rewrite : sites.rewrites()) {
      if (rewrite.layer() instanceof LilyLinear layer) {
        layer.common().forEach((key, t) -> names.put(tensorName(rewrite.site(), key), t));
      }
    }
    return names;
  }
}
