package io.github.peft4j.methods.common.prompt;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Initializer;
import java.util.ArrayList;
import java.util.List;

/** W₂ relu(W₁ relu(W₀ e + b₀) + b₁) + b₂. */
public final class MlpNetwork implements PromptNetwork {

  private static final Kernel MLP =
      Kernel.of(
          """
          def mlp(e: Tensor, w0: Tensor, b0: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
              h = torch.relu(torch.linear(e, w0, b0))            # (…, n, h)
              h = torch.relu(torch.linear(h, w1, b1))
              return torch.linear(h, w2, b2)                     # (…, n, d)
          """);

  private final List<Trainable> tensors = new ArrayList<>();

  /**
   * Creates a network.
   *
   * @param d the length of the vectors
   * @param hidden h
   */
  public MlpNetwork(long d, long hidden, Initializer initial, Declaring layer) {
    long[] widths = {d, hidden, hidden, d};
    for (int i = 0; i < 3; i++) {
      String name = "mlp_head." + 2 * i;
      double bound = 1 / Math.sqrt((double) widths[i]);
      tensors.add(
          layer.declare(name + ".weight", initial.kaimingUniform(widths[i + 1], widths[i])));
      tensors.add(layer.declare(name + ".bias", initial.uniform(bound, widths[i + 1])));
    }
  }

  @Override
  public NDArray forward(NDArray vectors, boolean training) {
    NDArray[] arguments = new NDArray[7];
    arguments[0] = vectors;
    for (int i = 0; i < 6; i++) {
      arguments[i + 1] = tensors.get(i).value();
    }
    return MLP.call(arguments);
  }
}
