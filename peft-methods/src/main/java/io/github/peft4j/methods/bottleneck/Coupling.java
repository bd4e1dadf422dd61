package io.github.peft4j.methods.bottleneck;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.bottleneck.fields.InitWeights;
import io.github.peft4j.methods.bottleneck.fields.NonLinearity;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;
import java.util.ArrayList;
import java.util.List;

/**
 * An invertible adapter (Pfeiffer et al. 2020, arXiv:2005.00052, section 3.3) at the entrance of a
 * model: of a vector's halves x₁ and x₂ it makes
 *
 * <pre>
 * y₁ = x₁ + F(x₂)      y₂ = x₂ + G(y₁)      F, G: W₂ f(W₁ x + b₁) + b₂
 * </pre>
 *
 * <p>with W₁ [h / r, h] and W₂ [h, h / r], h = D / 2. {@link #inverse} is the layer at the exit.
 * AdapterHub's {@code methods/modeling.py}: NICECouplingBlock.
 */
final class Coupling extends TunerLayer<NDArray, NDArray> {

  private static final String SUBNETS =
      """
      def F(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
          x = torch.linear(x, w1.to(x.dtype), b1.to(x.dtype))
          return torch.linear({f}, w2.to(x.dtype), b2.to(x.dtype))
      def halves(x: Tensor) -> List[Tensor]:
          h = torch.size(x, -1) // 2
          return torch.split_with_sizes(x, [h, torch.size(x, -1) - h], -1)
      """;
  private static final Kernel COUPLE =
      Kernel.of(
          SUBNETS
              + """
              def couple(x: Tensor, f1: Tensor, fb1: Tensor, f2: Tensor, fb2: Tensor, g1: Tensor, gb1: Tensor, g2: Tensor, gb2: Tensor) -> Tensor:
                  x1, x2 = halves(x)
                  y1 = torch.add(x1, F(x2, f1, fb1, f2, fb2))
                  y2 = torch.add(x2, F(y1, g1, gb1, g2, gb2))
                  return torch.cat([y1, y2], -1)
              """);
  private static final Kernel UNCOUPLE =
      Kernel.of(
          SUBNETS
              + """
              def uncouple(y: Tensor, f1: Tensor, fb1: Tensor, f2: Tensor, fb2: Tensor, g1: Tensor, gb1: Tensor, g2: Tensor, gb2: Tensor) -> Tensor:
                  y1, y2 = halves(y)
                  x2 = torch.sub(y2, F(y1, g1, gb1, g2, gb2))
                  x1 = torch.sub(y1, F(x2, f1, fb1, f2, fb2))
                  return torch.cat([x1, x2], -1)
              """);

  private final List<Trainable> subnets = new ArrayList<>();
  private final Kernel couple;
  private final Kernel uncouple;

  /**
   * Creates a coupling.
   *
   * @param d D, at least 2
   * @param reduction r
   */
  Coupling(long d, double reduction, NonLinearity f, Initializer initial) {
    long first = d / 2;
    subnet("F", d - first, first, reduction, initial);
    subnet("G", first, d - first, reduction, initial);
    this.couple = COUPLE.with("f", f.expression());
    this.uncouple = UNCOUPLE.with("f", f.expression());
  }

  private void subnet(String name, long in, long out, double reduction, Initializer initial) {
    long m = (long) (in / reduction);
    if (m < 1) {
      throw new IllegalArgumentException(
          "BottleneckConfig: field 'inv_adapter_reduction_factor' is "
              + reduction
              + "; expected one of at most "
              + in
              + ", half of the model's vectors");
    }
    subnets.add(trainable(name + ".0.weight", InitWeights.BERT.down(initial, m, in)));
    subnets.add(trainable(name + ".0.bias", initial.zeros(m)));
    subnets.add(trainable(name + ".2.weight", InitWeights.BERT.up(initial, out, m)));
    subnets.add(trainable(name + ".2.bias", initial.zeros(out)));
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (B, T, D)
    return call(couple, base.forward(x));
  }

  private NDArray call(Kernel kernel, NDArray x) {
    NDArray[] arguments = new NDArray[1 + subnets.size()];
    arguments[0] = x;
    for (int i = 0; i < subnets.size(); i++) {
      arguments[1 + i] = subnets.get(i).value();
    }
    return kernel.call(arguments);
  }

  /** The layer that inverts this one, with the same tensors. */
  TunerLayer<NDArray, NDArray> inverse() {
    return new TunerLayer<>() {
      @Override
      public NDArray forward(NDArray y, Forward<NDArray, NDArray> base) { // y (…, D)
        return base.forward(call(uncouple, y));
      }
    };
  }
}
