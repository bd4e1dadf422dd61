package io.github.peft4j.methods.lora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.quantization.FrozenMatrix;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;

/**
 * The quantised weight Q of LoftQ in place of W: W + (Q − W). It is made dense in every pass. PEFT
 * overwrites W; here W stays as it is for other adapters.
 */
final class LoftqWeight extends TunerLayer<NDArray, NDArray> implements Mergeable {

  /** q is (out, in). */
  private static final Kernel QUANTIZED =
      Kernel.of(
          """
          def quantized(below: Tensor, w: Tensor, q: Tensor) -> Tensor:
              more = torch.sub({q}.to(6), w.to(6))
              return torch.add(below.to(6), more).to(below.dtype)
          """);

  private final FrozenMatrix matrix;
  private final ParameterSite weight;
  private final Kernel quantized;

  /**
   * Creates the layer of a map's weight.
   *
   * @param matrix Q (out, in), which the layer closes
   */
  LoftqWeight(LinearSite site, FrozenMatrix matrix) {
    this.matrix = matrix;
    this.weight = site.weight();
    this.quantized = QUANTIZED.with("q", site.isTransposed() ? "torch.t(q)" : "q");
  }

  @Override
  public NDArray forward(NDArray frozen, Forward<NDArray, NDArray> base) {
    return merge(base.forward(frozen));
  }

  @Override
  public NDArray merge(NDArray below) {
    return quantized.call(below, weight.frozen(), matrix.dense());
  }

  @Override
  public boolean isMadeOfKernels() {
    return true;
  }

  @Override
  public boolean isRepeatable() {
    return true;
  }

  @Override
  public void close() {
    super.close();
    matrix.close();
  }
}
