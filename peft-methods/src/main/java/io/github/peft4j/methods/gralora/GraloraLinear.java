package io.github.peft4j.methods.gralora;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.common.linear.WeightDelta;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.ArrayList;
import java.util.List;

/**
 * y = W x + c + s Δ x, with k k blocks Δⱼₙ = Bⱼₙ Aₙⱼ of rank r / k. They are slices of the factors:
 * A [k, in / k, r] has Aₙⱼ [in / k, r / k] for each block n of the input and j of the output, and B
 * [k, r, out / k] has Bⱼₙ [r / k, out / k]. With hybrid_r, s G H x is added, with G [out, hybrid_r]
 * and H [hybrid_r, in].
 */
final class GraloraLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final Kernel BLOCKS =
      Kernel.of(
          """
          def blocks(x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
              parts = torch.reshape(x, [-1, {k}, {inPart}])                   # (N, n, in / k)
              low = torch.einsum("zni,nir->znr", [parts, a.to(x.dtype)])      # (N, n, r)
              grid = torch.reshape(low, [-1, {k}, {k}, {slice}])              # (N, n, j, r / k)
              turned = torch.reshape(torch.permute(grid, [0, 2, 1, 3]), [-1, {k}, {r}])
              change = torch.einsum("zjr,jro->zjo", [turned, b.to(x.dtype)])  # (N, j, out / k)
              return torch.add(y, torch.reshape(change, torch.size(y)), alpha={scale})
          """);
  private static final Kernel LORA =
      Kernel.of(
          """
          def lora(x: Tensor, y: Tensor, h: Tensor, g: Tensor) -> Tensor:
              low = torch.linear(x, h.to(x.dtype))                            # (…, hybrid_r)
              return torch.add(y, torch.linear(low, g.to(x.dtype)), alpha={scale})
          """);
  private static final String DELTA =
      """
      def delta(a: Tensor, b: Tensor{others}) -> Tensor:                      # (out, in)
          down = torch.reshape(a, [{k}, {inPart}, {k}, {slice}])              # (n, in / k, j, r / k)
          up = torch.reshape(b, [{k}, {k}, {slice}, {outPart}])               # (j, n, r / k, out / k)
          change = torch.reshape(torch.einsum("nijs,jnso->joni", [down, up]), [{out}, {in}])
          return {sum}
      """;

  private final List<Trainable> factors = new ArrayList<>();
  private final double dropout;
  private final Kernel blocks;
  private final Kernel lora;
  private final WeightDelta merge;

  /** Creates the adapter of one linear layer, whose sides k divides. */
  GraloraLinear(LinearSite site, GraloraConfig config, Initializer initial) {
    long k = config.graloraK();
    int r = config.r();
    int hybrid = config.hybridR();
    long in = site.inFeatures();
    long out = site.outFeatures();
    boolean plain = config.initWeights();
    factor("gralora_A", initial.uniform(1 / Math.sqrt(in / (double) k), k, in / k, r));
    factor("gralora_B", upper(plain, r, initial, k, r, out / k));
    if (hybrid > 0) {
      factor("gralora_A_general.weight", initial.kaimingUniform(hybrid, in));
      factor("gralora_B_general.weight", upper(plain, hybrid, initial, out, hybrid));
    }
    this.dropout = config.graloraDropout();
    this.blocks =
        BLOCKS
            .with("k", k)
            .with("inPart", in / k)
            .with("slice", r / k)
            .with("r", r)
            .with("scale", config.scale());
    this.lora = LORA.with("scale", config.scale());
    String others = hybrid > 0 ? ", h: Tensor, g: Tensor" : "";
    this.merge =
        WeightDelta.of(DELTA.replace("{others}", others), config.scale(), site.isTransposed())
            .with("k", k)
            .with("slice", r / k)
            .with("inPart", in / k)
            .with("outPart", out / k)
            .with("in", in)
            .with("out", out)
            .with("sum", hybrid > 0 ? "torch.addmm(change, g, h)" : "change");
  }

  private void factor(String key, NDArray start) {
    factors.add(trainable(key, start));
  }

  private static NDArray upper(boolean zero, int rank, Initializer initial, long... shape) {
    return zero ? initial.zeros(shape) : initial.uniform(1 / Math.sqrt((double) rank), shape);
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    boolean drops = isTraining(base.context()) && dropout > 0;
    NDArray y = blocks.call(dropped(x, drops), base.forward(x), value(0), value(1)); // (…, out)
    return factors.size() == 2 ? y : lora.call(dropped(x, drops), y, value(2), value(3));
  }

  private NDArray dropped(NDArray x, boolean drops) {
    return drops ? Dropout.of(dropout).call(x) : x;
  }

  private NDArray value(int factor) {
    return factors.get(factor).value();
  }

  @Override
  public NDArray merge(NDArray weight) {
    NDList values = new NDList();
    factors.forEach(factor -> values.add(factor.value()));
    return merge.into(weight, values.toArray(new NDArray[0]));
  }
}
