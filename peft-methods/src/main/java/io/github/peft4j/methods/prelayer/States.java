package io.github.peft4j.methods.prelayer;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import java.util.Objects;

/**
 * y = layer([P; x]), where trained states P [n, D] replace those that the layers before made. Other
 * virtual tokens may stand before and after them.
 */
final class States extends TunerLayer<NDArray, NDArray> {

  /** The tensors' key. */
  static final String KEY = "activations";

  private static final Kernel REPLACE =
      Kernel.of(
          """
          def replace(x: Tensor, states: Tensor, virtual: Tensor, after: Tensor) -> Tensor:
              n = torch.size(states, 0)
              start = int(virtual) - int(after) - n
              shape = [torch.size(x, 0), n, torch.size(x, 2)]
              before = torch.narrow(x, 1, 0, start)
              rest = torch.narrow(x, 1, start + n, torch.size(x, 1) - start - n)
              return torch.cat([before, torch.expand(states.to(x.dtype), shape), rest], 1)
          """);

  private final FirstStates first;
  private final Trainable states;

  /**
   * Creates the states of one layer.
   *
   * @param first makes the tokens whose states these are
   * @param initial initial value of P
   */
  States(FirstStates first, NDArray initial) {
    this.first = first;
    this.states = trainable(KEY, initial);
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) {
    if (base.context().past() > 0) {
      return base.forward(x); // the virtual tokens are in the cache
    }
    NDArray virtual = Tensors.scalar(base.context().virtual());
    NDArray after = Objects.requireNonNull(base.context().left(first));
    return base.forward(REPLACE.call(x, states.value(), virtual, after));
  }
}
