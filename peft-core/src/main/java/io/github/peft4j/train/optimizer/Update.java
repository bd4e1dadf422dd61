package io.github.peft4j.train.optimizer;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.training.Step;
import io.github.peft4j.tuner.training.StepListener;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The update of each training step: gradients are clipped, the optimizer updates the tensors, and
 * listeners are called in between.
 *
 * @param optimizer updates the tensors
 * @param listener what the method and the training's rule do
 * @param clipNorm the largest norm of all gradients together, or 0 for no limit
 */
public record Update(Optimizer optimizer, StepListener listener, double clipNorm) {

  /** A step of an optimizer. */
  private record OptimizerStep(
      Optimizer optimizer, Map<Trainable, NDArray> gradients, int number, int total, double rate)
      implements Step {

    @Override
    public @Nullable NDArray gradient(Trainable tensor) {
      return gradients.get(tensor);
    }

    @Override
    public Map<String, NDArray> moments(Trainable tensor) {
      return optimizer.moments(tensor);
    }
  }

  /**
   * Updates the tensors and clears their gradients. If the loss or the gradients' norm is not
   * finite, tensors and gradients stay as they are.
   *
   * @param number the number of the step, from 1
   * @param total the number of steps of the training
   * @param rate the learning rate
   * @param loss of the step
   * @return the norm of the gradients before clipping
   */
  public double run(int number, int total, double rate, double loss) {
    Step step = step(number, total, rate);
    tell(listener::beforeClipping, step);
    double norm = optimizer.gradients().clip(clipNorm);
    if (Double.isFinite(loss) && Double.isFinite(norm)) {
      tell(listener::beforeUpdate, step);
      optimizer.update(rate);
      tell(listener::afterStep, step);
      optimizer.gradients().clear();
    }
    return norm;
  }

  /** Passes over a step: the tensors stay as they are, and listeners see gradients of zero. */
  public void skip(int number, int total, double rate) {
    optimizer.gradients().clear();
    tell(listener::afterStep, step(number, total, rate));
  }

  private Step step(int number, int total, double rate) {
    return new OptimizerStep(optimizer, optimizer.gradients().arrived(), number, total, rate);
  }

  private static void tell(Consumer<Step> call, Step step) {
    Autograd.without(
        () -> {
          call.accept(step);
          return null;
        });
  }
}
