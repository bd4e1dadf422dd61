package io.github.peft4j.tuner.training;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Trainable;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One optimizer step of a training, as a {@link StepListener} sees it. Its arrays belong to the
 * optimizer; a listener may change their values in place, and must not close them.
 */
public interface Step {

  /** The number of this step, from 1. */
  int number();

  /** The number of steps of the whole training. */
  int total();

  /** The learning rate of this step: that of the run's schedule, without factors of groups. */
  double rate();

  /**
   * The gradient that a tensor has collected in this step, of the tensor's shape; null if none has
   * reached it, or if the tensor is not trained.
   */
  @Nullable NDArray gradient(Trainable tensor);

  /**
   * The state that the optimizer keeps for a tensor, by PyTorch's names: {@code exp_avg} and {@code
   * exp_avg_sq} of AdamW, of the tensor's shape, and {@code step}, a scalar: the number of updates.
   * AdamW with moments of 8 bits has {@code state1}, {@code state2}, {@code absmax1} and {@code
   * absmax2} in place of the first two. Arrays may be in the host's memory. Empty if the tensor is
   * not trained. A tensor whose whole state is set to zero is trained as by a new optimizer.
   */
  Map<String, NDArray> moments(Trainable tensor);
}
