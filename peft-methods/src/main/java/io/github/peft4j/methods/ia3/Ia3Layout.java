package io.github.peft4j.methods.ia3;

import io.github.peft4j.methods.common.linear.DefaultTargets;
import io.github.peft4j.methods.common.linear.TargetedLayout;

/** The file layout of (IA)³. PEFT also has a table of defaults for {@code feedforward_modules}. */
public final class Ia3Layout extends TargetedLayout<Ia3Config> {

  private static final DefaultTargets FEED_FORWARD =
      DefaultTargets.beside(Ia3Config.class, "feedforward_modules").orElseThrow();

  /** The layout. */
  public Ia3Layout() {
    super("IA3");
  }

  @Override
  public Ia3Config asRead(Ia3Config config, String modelType) {
    Ia3Config named = super.asRead(config, modelType);
    return named.feedforwardModules() == null
        ? named.feedForward(FEED_FORWARD.of(modelType))
        : named;
  }
}
