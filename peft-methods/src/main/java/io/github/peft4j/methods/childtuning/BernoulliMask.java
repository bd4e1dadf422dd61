package io.github.peft4j.methods.childtuning;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.RandomState;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.training.Step;
import io.github.peft4j.tuner.training.StepListener;
import java.util.List;

/**
 * Multiplies gradients by a mask M / p, M ~ Bernoulli(p), after they are clipped. A step's mask
 * depends on the seed and the number of the step alone, so that a resumed training draws the same.
 */
final class BernoulliMask implements StepListener {

  private static final Kernel MASK =
      Kernel.of(
          """
          def mask(g: Tensor) -> Tensor:
              kept = torch.bernoulli(torch.full_like(g, {p}))
              return torch.mul_(g, torch.mul(kept, 1 / {p}))
          """);

  private final List<Trainable> masked;
  private final Kernel mask;
  private final long seed;

  BernoulliMask(List<Trainable> masked, double p, long seed) {
    this.masked = List.copyOf(masked);
    this.mask = MASK.with("p", p);
    this.seed = seed;
  }

  @Override
  public void beforeUpdate(Step step) {
    try (RandomState random = RandomState.seeded(seed * 1_000_003 + step.number())) {
      for (Trainable tensor : masked) {
        NDArray gradient = step.gradient(tensor);
        if (gradient != null) {
          mask.call(gradient).close();
        }
      }
    }
  }
}
