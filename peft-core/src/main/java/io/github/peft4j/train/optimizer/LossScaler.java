package io.github.peft4j.train.optimizer;

import org.jspecify.annotations.Nullable;

/** The scale of the loss over the steps of a training; see {@link LossScaling}. */
public final class LossScaler {

  private final @Nullable LossScaling settings;
  private float scale;
  private int goodSteps;

  /**
   * Creates a scale that changes as these settings say.
   *
   * @param settings null for a training without scaling, whose scale is always 1
   */
  public LossScaler(@Nullable LossScaling settings) {
    this.settings = settings;
    this.scale = settings == null ? 1 : (float) settings.initial();
  }

  /** Whether the loss is scaled. */
  public boolean isOn() {
    return settings != null;
  }

  /** The factor of the loss in the backward pass. */
  public double scale() {
    return scale;
  }

  /** The good steps since the scale last changed. */
  public int goodSteps() {
    return goodSteps;
  }

  /**
   * Goes on from an earlier state. Without scaling it does nothing.
   *
   * @param scale above 0
   * @param goodSteps since the scale last changed
   */
  public void restore(double scale, int goodSteps) {
    if (isOn()) {
      this.scale = (float) scale;
      this.goodSteps = goodSteps;
    }
  }

  /**
   * Whether a smaller scale can help gradients that overflow. At a scale of 1 or less, the
   * gradients themselves are too large for float16.
   */
  public boolean canFall() {
    return scale > 1;
  }

  /**
   * Adapts the scale after a step.
   *
   * @param overflowed whether a gradient was not finite
   */
  public void update(boolean overflowed) {
    LossScaling rules = settings;
    if (rules == null) {
      return;
    }
    if (overflowed) {
      scale = (float) (scale * rules.backoff());
      goodSteps = 0;
    } else if (++goodSteps == rules.interval()) {
      float grown = (float) (scale * rules.growth());
      scale = Float.isFinite(grown) ? grown : scale;
      goodSteps = 0;
    }
  }
}
