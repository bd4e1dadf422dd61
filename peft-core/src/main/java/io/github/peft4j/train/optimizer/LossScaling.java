package io.github.peft4j.train.optimizer;

import io.github.peft4j.withers.Withers;

/**
 * How a training in float16 scales its loss, as {@code torch.amp.GradScaler} does (Micikevicius et
 * al. 2018, arXiv:1710.03740). Gradients below 6e-8 are 0 in float16, so the loss is multiplied by
 * a scale before the backward pass, and the gradients are divided by it afterwards. A step whose
 * gradients overflow is not made, and the scale falls.
 *
 * @param initial the first scale, above 0 and finite; 65,536
 * @param growth factor of the scale after good steps, above 1; 2
 * @param backoff factor of the scale after a step that overflowed, in (0, 1); 0.5
 * @param interval good steps in a row after which the scale grows, 1 or more; 2,000
 */
@Withers
public record LossScaling(double initial, double growth, double backoff, int interval)
    implements LossScalingWithers {

  /** PyTorch's values. */
  public static final LossScaling DEFAULT = new LossScaling(65536, 2, 0.5, 2000);

  /** Checks the values. */
  public LossScaling {
    require(initial > 0 && initial <= Float.MAX_VALUE, "initial", initial, "a number above 0");
    require(growth > 1 && growth <= Float.MAX_VALUE, "growth", growth, "a number above 1");
    require(backoff > 0 && backoff < 1, "backoff", backoff, "a number between 0 and 1");
    require(interval >= 1, "interval", interval, "1 or more");
  }

  private static void require(boolean fine, String name, Number value, String expected) {
    if (!fine) {
      throw new IllegalArgumentException(
          "loss scaling: %s is %s, expected %s".formatted(name, value, expected));
    }
  }
}
