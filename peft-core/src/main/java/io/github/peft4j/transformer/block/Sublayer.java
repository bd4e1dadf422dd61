package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.site.SublayerSite;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/**
 * One residual branch f with its norms: y = out(x + scale · after(f(before(x)))). Each norm is
 * optional: BERT has out, Llama before, OLMo 2 after, Gemma 2 before and after. BLOOM may add
 * before(x) instead of x.
 */
public final class Sublayer {

  private static final Kernel SCALE =
      Kernel.of(
          """
          def scale(x: Tensor) -> Tensor:
              return torch.mul(x, {factor})
          """);

  /**
   * The norms around a branch.
   *
   * @param residualAfterNorm whether before(x) is added instead of x
   */
  public record Norms(
      @Nullable Norm before, @Nullable Norm after, @Nullable Norm out, boolean residualAfterNorm) {}

  private final SublayerSite site;
  private final BiFunction<NDArray, Pass, NDArray> function;
  private final Norms norms;
  private final @Nullable Kernel scale;
  private final double dropout;

  /**
   * Creates a branch.
   *
   * @param scale factor of the branch's output
   * @param dropout probability of dropout of f's output
   */
  public Sublayer(
      SublayerSite site,
      BiFunction<NDArray, Pass, NDArray> function,
      Norms norms,
      double scale,
      double dropout) {
    this.site = site;
    this.function = function;
    this.norms = norms;
    this.scale = scale == 1 ? null : SCALE.with("factor", scale);
    this.dropout = dropout;
  }

  SublayerSite site() {
    return site;
  }

  /**
   * Whether each position is computed by itself, if adapters do so too: it is in a feed-forward
   * network.
   */
  boolean isByPosition() {
    return site.kind() == SublayerSite.Kind.FEED_FORWARD;
  }

  @Nullable Norm normBefore() {
    return norms.before();
  }

  NDArray forward(NDArray x, Pass pass) {
    Norm before = norms.before();
    NDArray h = before == null ? x : before.forward(x, pass);
    NDArray residual = norms.residualAfterNorm() ? h : x;
    return normed(Ops.add(residual, branch(residual, h, pass)), norms.out(), pass);
  }

  /**
   * The sum's second term.
   *
   * @param x the residual stream (B, T, D)
   * @param h before(x)
   */
  NDArray branch(NDArray x, NDArray h, Pass pass) {
    NDArray f =
        site.forward(
            new SublayerSite.Input(
                h,
                x,
                (in, context) -> pass.drop(function.apply(in, Pass.of(context)), dropout),
                (sum, context) -> normed(sum, norms.out(), context)),
            pass);
    NDArray y = normed(f, norms.after(), pass);
    return scale == null ? y : scale.call(y);
  }

  private static NDArray normed(NDArray x, @Nullable Norm norm, ForwardContext context) {
    return norm == null ? x : norm.forward(x, context);
  }
}
