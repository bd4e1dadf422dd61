package io.github.peft4j.methods.lst;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Declarations;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Initializer;
import org.jspecify.annotations.Nullable;

/** W x, or W x + b: (…, in) → (…, out). It starts as a new linear map of PyTorch. */
final class Projection {

  private static final Kernel LINEAR =
      Kernel.of(
          """
          def linear(x: Tensor, weight: Tensor) -> Tensor:
              return torch.linear(x, weight.to(x.dtype))
          """);
  private static final Kernel LINEAR_BIAS =
      Kernel.of(
          """
          def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
              return torch.linear(x, weight.to(x.dtype), bias.to(x.dtype))
          """);

  private final Trainable weight;
  private final @Nullable Trainable bias;

  Projection(
      String key, long out, long in, boolean bias, Declarations declarations, Initializer initial) {
    this.weight = declarations.trainable(key + ".weight", initial.kaimingUniform(out, in));
    this.bias =
        bias
            ? declarations.trainable(
                key + ".bias", initial.uniform(1 / Math.sqrt((double) in), out))
            : null;
  }

  NDArray forward(NDArray x) {
    return bias == null
        ? LINEAR.call(x, weight.value())
        : LINEAR_BIAS.call(x, weight.value(), bias.value());
  }
}
