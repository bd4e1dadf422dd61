package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.site.SublayerSite;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/**
 * One residual branch: y = outNorm(x + postNorm(f(preNorm(x)))). Each norm is optional: BERT has
 * outNorm, Llama preNorm, Gemma 2 preNorm and postNorm.
 */
public final class Sublayer {

  private final BiFunction<NDArray, Pass, NDArray> function;
  private final @Nullable Norm preNorm;
  private final @Nullable Norm postNorm;
  private final @Nullable Norm outNorm;
  private final SublayerSite site;
  private final double dropout;

  public Sublayer(
      SublayerSite site,
      BiFunction<NDArray, Pass, NDArray> function,
      @Nullable Norm preNorm,
      @Nullable Norm postNorm,
      @Nullable Norm outNorm,
      double dropout) {
    this.site = site;
    this.function = function;
    this.preNorm = preNorm;
    this.postNorm = postNorm;
    this.outNorm = outNorm;
    this.dropout = dropout;
  }

  SublayerSite site() {
    return site;
  }

  NDArray forward(NDArray x, Pass pass) {
    NDArray sum = Ops.add(x, branch(x, pass));
    return outNorm == null ? sum : outNorm.forward(sum, pass);
  }

  /** Computes only the sum's second term, for layers whose branches all read the same x. */
  NDArray branch(NDArray x, Pass pass) {
    NDArray h = preNorm == null ? x : preNorm.forward(x, pass);
    NDArray f =
        site.forward(
            new SublayerSite.Input(
                h,
                x,
                (in, context) -> pass.drop(function.apply(in, Pass.of(context)), dropout),
                (sum, context) -> outNorm == null ? sum : outNorm.forward(sum, context)),
            pass);
    return postNorm == null ? f : postNorm.forward(f, pass);
  }
}
