package io.github.peft4j.methods.sora;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.BoundKernel;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.training.Step;
import io.github.peft4j.tuner.training.StepListener;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The proximal step of the gates: g ← sign(g) max(|g| - t, 0), the soft threshold, after each
 * update. t is ξ, or the learning rate times ξ.
 */
final class Threshold implements StepListener {

  private static final Kernel SHRINK =
      Kernel.of(
          """
          def shrink(gates: List[Tensor], t: float) -> Tensor:     # of any device
              for g in gates:
                  torch.copy_(g, torch.softshrink(g, t))
              return gates[0]
          """);

  private final List<SoraLinear> layers;
  private final double xi;
  private final boolean byRate;
  private @Nullable BoundKernel shrink;

  /**
   * Creates the step.
   *
   * @param xi ξ, 0 or more
   */
  Threshold(List<SoraLinear> layers, double xi, boolean byRate) {
    this.layers = List.copyOf(layers);
    this.xi = xi;
    this.byRate = byRate;
  }

  @Override
  public void afterStep(Step step) {
    bound().call(byRate ? step.rate() * xi : xi).close();
  }

  private BoundKernel bound() {
    BoundKernel present = shrink;
    if (present == null) {
      NDArray[] gates = layers.stream().map(layer -> layer.gate().value()).toArray(NDArray[]::new);
      present = SHRINK.bind(new NDList(gates));
      shrink = present;
    }
    return present;
  }

  @Override
  public void afterTraining() {
    if (shrink != null) {
      shrink.close();
      shrink = null;
    }
  }
}
