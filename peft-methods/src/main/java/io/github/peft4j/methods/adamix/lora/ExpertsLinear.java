package io.github.peft4j.methods.adamix.lora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.RandomState;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adamix.Experts;
import io.github.peft4j.methods.adamix.Routes;
import io.github.peft4j.methods.common.linear.WeightDelta;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.train.objective.OwnObjective;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.LowRank;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.stream.IntStream;

/**
 * y = W x + c + s Bⱼ Aᵢ dropout(x), with the experts A [M, r, in] and B [M, out, r], where i and j
 * are drawn for each copy of the batch. Outside of training steps it is s B A x with the means of
 * the Aᵢ and of the Bⱼ.
 */
final class ExpertsLinear extends TunerLayer<NDArray, NDArray> implements LowRank, OwnObjective {

  private static final Kernel ROUTED =
      Kernel.of(
          Routes.ROUTE
              + """
          def one(m: Tensor, copies: int) -> Tensor:                       # (M, …) → (c, …)
              return torch.index_select(m, 0, route(m, copies))

          def routed(x: Tensor, y: Tensor, a: Tensor, b: Tensor, copies: Tensor) -> Tensor:
              c = int(copies)
              down = torch.transpose(one(a, c).to(x.dtype), 1, 2)          # (c, in, r)
              up = torch.transpose(one(b, c).to(x.dtype), 1, 2)            # (c, r, out)
              low = torch.bmm(torch.reshape(x, [c, -1, torch.size(x, -1)]), down)
              apart = torch.reshape(y, [c, -1, torch.size(y, -1)])
              return torch.reshape(torch.baddbmm(apart, low, up, alpha={scale}), torch.size(y))
          """);
  private static final Kernel MEAN =
      Kernel.of(
          """
          def mean(x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:  # x (…, in), y (…, out)
              low = torch.linear(torch.reshape(x, [-1, torch.size(x, -1)]), torch.mean(a, [0]).to(x.dtype))
              flat = torch.reshape(y, [-1, torch.size(y, -1)])
              up = torch.t(torch.mean(b, [0]).to(x.dtype))
              return torch.reshape(torch.addmm(flat, low, up, alpha={scale}), torch.size(y))
          """);
  private static final String DELTA =
      """
      def delta(a: Tensor, b: Tensor) -> Tensor:                           # (out, in)
          return torch.mm(torch.mean(b, [0]), torch.mean(a, [0]))
      """;

  private final Trainable a;
  private final Trainable b;
  private final Experts experts;
  private final double scale;
  private final double dropout;
  private final Kernel routed;
  private final Kernel mean;
  private final WeightDelta merge;

  /** Creates the experts of one linear layer. All A start alike, and all B as zero. */
  ExpertsLinear(LinearSite site, AdaMixLoraConfig config, Initializer initial) {
    this.experts = config.experts();
    Initializer.count(experts.down(), config.r(), site.inFeatures()); // refuses what no array holds
    NDArray start = initial.kaimingUniform(config.r(), site.inFeatures());
    this.a =
        trainable(
            "lora_A.weight", Routes.stack(IntStream.range(0, experts.down()).mapToObj(i -> start)));
    this.b =
        trainable("lora_B.weight", initial.zeros(experts.up(), site.outFeatures(), config.r()));
    this.scale = config.scale();
    this.dropout = config.loraDropout();
    this.routed = ROUTED.with("scale", scale);
    this.mean = MEAN.with("scale", scale);
    this.merge = WeightDelta.of(DELTA, scale, site.isTransposed());
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in) → (…, out)
    if (!isTraining(base.context())) {
      return mean.call(x, base.forward(x), a.value(), b.value());
    }
    NDArray dropped = dropout > 0 ? Dropout.of(dropout).call(x) : x;
    NDArray copies = Tensors.scalar(base.context().copies());
    NDArray y = base.forward(x);
    RandomState.alsoOnHost();
    return routed.call(dropped, y, a.value(), b.value(), copies);
  }

  @Override
  public Objective objective(Objective ofTask) {
    return trains() ? experts.objective(ofTask) : ofTask;
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.into(weight, a.value(), b.value());
  }

  /** The mean of the Aᵢ. */
  @Override
  public NDArray a() {
    return Routes.mean(a.value());
  }

  /** The mean of the Bⱼ. */
  @Override
  public NDArray b() {
    return Routes.mean(b.value());
  }

  @Override
  public double scale() {
    return scale;
  }
}
