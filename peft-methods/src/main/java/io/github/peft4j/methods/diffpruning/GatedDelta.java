package io.github.peft4j.methods.diffpruning;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.RandomState;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.methods.common.sparse.DenseDelta;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * W + z' z ⊙ w. A gate is a hard-concrete variable (Louizos et al. 2018, arXiv:1712.01312):
 *
 * <pre>z = clamp(σ(log u - log(1 - u) + α) (r - l) + l, 0, 1),   u uniform in (0, 1)</pre>
 *
 * <p>z has W's shape, and z' is one gate of the whole tensor. While a training step runs, u is
 * drawn once for the step; otherwise it is 1/2. Once the gates are decided, w alone is the change.
 */
final class GatedDelta extends DenseDelta {

  private static final Kernel GATED =
      Kernel.of(
          """
          def gate(alpha: Tensor, noise: Tensor) -> Tensor:
              s = torch.sigmoid(torch.add(noise, alpha))
              return torch.clamp(torch.add(torch.mul(s, {upper} - {lower}), {lower}), 0, 1)

          def gated(w: Tensor, alpha: Tensor, noise: Tensor) -> Tensor:
              return torch.mul(w, gate(alpha, noise))
          """);
  private static final Kernel OPEN =
      Kernel.of(
          """
          def open(alpha: Tensor) -> Tensor:                     # λ Σ P(z > 0)
              return torch.mul(torch.sum(torch.sigmoid(torch.add(alpha, -{ratio}))), {penalty})
          """);
  private static final Kernel NOISE =
      Kernel.of(
          """
          def noise(alpha: Tensor) -> Tensor:
              u = torch.clamp(torch.rand_like(torch.detach(alpha)), 0.0001, 0.9999)
              return torch.add(torch.log(u), torch.log(torch.rsub(u, 1)), alpha=-1)
          """);
  private static final Kernel ZERO =
      Kernel.of(
          """
          def zero(alpha: Tensor) -> Tensor:
              return torch.zeros_like(torch.detach(alpha))
          """);

  private final Gates gates;
  private final Kernel gated;
  private final Kernel open;
  private final long seed;
  private int step;
  private int drawnFor = -1;
  private boolean training;
  private boolean decided;
  private NDList noise = new NDList();

  /** α of each gate. They are no tensors of the adapter: once it is trained, nobody needs them. */
  private static final class Gates extends TunerLayer<NDArray, NDArray> {

    Gates(ParameterSite site, DiffPruningConfig config, Initializer initial) {
      trainable("alpha", initial.filled(config.alphaInit(), site.shape().getShape()));
      if (config.perParamsAlpha()) {
        trainable("tensor_alpha", initial.filled(config.alphaInit(), 1));
      }
    }

    @Override
    public NDArray forward(NDArray input, Forward<NDArray, NDArray> base) {
      return base.forward(input);
    }
  }

  GatedDelta(ParameterSite site, DiffPruningConfig config, Initializer initial) {
    super(site, initial, 0);
    this.gates = new Gates(site, config, initial);
    this.gated = GATED.with("lower", config.concreteLower()).with("upper", config.concreteUpper());
    this.open =
        OPEN.with("ratio", Math.log(-config.concreteLower() / config.concreteUpper()))
            .with("penalty", config.sparsityPen());
    this.seed = config.seed();
  }

  /** α of the tensor's entries and, if there is one, of the whole tensor. */
  List<Trainable> alphas() {
    return gates.trainables();
  }

  /** Sets the number of steps done, which the gates of the next one depend on. */
  void step(int done) {
    step = done;
  }

  /** Says whether w alone is the change. */
  void decide(boolean now) {
    decided = now;
    alphas().forEach(alpha -> alpha.freeze(now));
    if (now) {
      release();
    }
  }

  /** Whether w alone is the change. */
  boolean isDecided() {
    return decided;
  }

  @Override
  protected NDArray effective() {
    NDArray change = delta().value();
    if (decided) {
      return change;
    }
    for (int i = 0; i < alphas().size(); i++) {
      NDArray alpha = alphas().get(i).value();
      change = gated.call(change, alpha, training ? noise.get(i) : ZERO.call(alpha));
    }
    return change;
  }

  @Override
  public @Nullable NDArray penalty() {
    return decided
        ? null
        : alphas().stream()
            .map(alpha -> open.call(alpha.value()))
            .reduce(NDArray::add)
            .orElseThrow();
  }

  @Override
  public void onTraining(boolean now) {
    training = now && !decided;
    if (training && drawnFor != step) {
      release();
      draw();
      drawnFor = step;
    }
  }

  private void draw() {
    long drawn = (seed * 1_000_003 + step) * 31 + site().name().hashCode();
    Autograd.without(
        () -> {
          try (RandomState random = RandomState.seeded(drawn)) {
            alphas().forEach(alpha -> noise.add(Scope.release(NOISE.call(alpha.value()))));
          }
          return null;
        });
  }

  /** Frees the gates of the last step. */
  void release() {
    noise.forEach(NDArray::close);
    noise = new NDList();
    drawnFor = -1;
  }

  @Override
  public void close() {
    super.close();
    gates.close();
    release();
  }
}
