package io.github.peft4j.methods.road;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.LinearSite;

/**
 * y = R h with h = W x + b. R pairs output i of a group's first half with output i of its second
 * half, h₁ and h₂:
 *
 * <pre>
 * y₁ = α₁ cos(θ₁) h₁ - α₁' sin(θ₁') h₂
 * y₂ = α₂' sin(θ₂') h₁ + α₂ cos(θ₂) h₂
 * </pre>
 *
 * <p>road_1 has one angle and one scale for all four terms, road_2 one for each row, road_4 one for
 * each term. PEFT's tensors have, for each group of size g: road_1 the g / 2 pairs; road_2 the g
 * rows; road_4 g cosines, then g sines.
 */
final class RoadLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  /** For each output: its own factor and that of its pair. */
  private static final String ROAD =
      """
      def of_pairs(p: Tensor) -> Tensor:                                   # (out / 2) → (out)
          halves = torch.reshape(p, [-1, 1, {half}])
          return torch.reshape(torch.cat([halves, halves], 1), [-1])
      def of_rows(p: Tensor) -> Tensor:                                    # (out)
          return p
      def first(p: Tensor) -> Tensor:                                      # (2 out) → (out)
          return torch.reshape(torch.select(torch.reshape(p, [-1, 2, 2 * {half}]), 1, 0), [-1])
      def second(p: Tensor) -> Tensor:                                     # (2 out) → (out)
          return torch.reshape(torch.select(torch.reshape(p, [-1, 2, 2 * {half}]), 1, 1), [-1])
      def road(h: Tensor, theta: Tensor, alpha: Tensor) -> Tensor:         # h (…, out)
          own = torch.mul({cosines}(alpha), torch.cos({cosines}(theta)))   # (out)
          other = torch.mul({sines}(alpha), torch.sin({sines}(theta)))     # (out)
          wide = h.to(theta.dtype)
          pairs = torch.reshape(wide, [-1, 2, {half}])
          turned = torch.stack([torch.neg(torch.select(pairs, 1, 1)), torch.select(pairs, 1, 0)], 1)
          turned = torch.reshape(turned, torch.size(h))
          return torch.add(torch.mul(wide, own), torch.mul(turned, other)).to(h.dtype)
      """;

  /** R W, for W [out, in]. */
  private static final String ROWS =
      """
      def rows(w: Tensor, theta: Tensor, alpha: Tensor) -> Tensor:
          return torch.contiguous(torch.t(road(torch.t(w), theta, alpha)))
      """;

  private final Trainable theta;
  private final Trainable alpha;
  private final Kernel road;
  private final Kernel merge;

  /**
   * Creates the adapter of one linear layer.
   *
   * @param angles initial value of θ
   * @param scales initial value of α
   */
  RoadLinear(LinearSite site, RoadConfig config, NDArray angles, NDArray scales) {
    this.theta = trainable("road_theta", angles);
    this.alpha = trainable("road_alpha", scales);
    this.road = of(ROAD, config);
    this.merge = site.isTransposed() ? road : of(ROAD + ROWS, config);
  }

  private static Kernel of(String source, RoadConfig config) {
    String cosines =
        switch (config.variant()) {
          case ROAD_1 -> "of_pairs";
          case ROAD_2 -> "of_rows";
          case ROAD_4 -> "first";
        };
    return Kernel.of(source)
        .with("half", config.groupSize() / 2)
        .with("cosines", cosines)
        .with("sines", config.variant() == RoadVariant.ROAD_4 ? "second" : cosines);
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    return road.call(base.forward(x), theta.value(), alpha.value()); // (…, out)
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.call(weight, theta.value(), alpha.value());
  }

  @Override
  public NDArray mergeBias(NDArray bias) {
    return road.call(bias, theta.value(), alpha.value());
  }
}
