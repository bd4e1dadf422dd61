package io.github.peft4j.methods.fusion;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.composition.Fusing;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.SublayerSite;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * h + Σᵢ pᵢ V uᵢ with p = softmaxᵢ((Q z + q)ᵀ (K uᵢ + k)), where h is a branch's output, uᵢ is the
 * update of an adapter, and z is h or the normalised sum of h and the stream. As in AdapterHub's
 * {@code BertFusion}, the scores are not divided by √D.
 */
final class FusionLayer extends TunerLayer<SublayerSite.Input, NDArray>
    implements Fusing<SublayerSite.Input, NDArray> {

  private static final Kernel STACK =
      Kernel.of(
          """
          def stack(us: List[Tensor]) -> Tensor:                 # n of (B, T, D) → (B, T, n, D)
              return torch.stack(us, 2)
          """);
  private static final Kernel SCORES =
      Kernel.of(
          """
          def scores(z: Tensor, u: Tensor, wq: Tensor, q: Tensor, wk: Tensor, k: Tensor) -> Tensor:
              queries = torch.linear(z, wq.to(z.dtype), q.to(z.dtype))           # (B, T, D)
              keys = torch.linear(u, wk.to(z.dtype), k.to(z.dtype))              # (B, T, n, D)
              return torch.squeeze(torch.matmul(keys, torch.unsqueeze(queries, -1)), -1)
          """);
  private static final Kernel MIX =
      Kernel.of(
          """
          def mix(h: Tensor, scores: Tensor, u: Tensor) -> Tensor:              # scores (B, T, n)
              p = torch.unsqueeze(torch.softmax(scores, -1), 2)
              return torch.add(h, torch.squeeze(torch.matmul(p, u), 2))
          """);
  private static final Kernel VALUES =
      Kernel.of(
          """
          def values(u: Tensor, wv: Tensor) -> Tensor:
              return torch.linear(u, wv.to(u.dtype))
          """);
  private static final Kernel OFF_IDENTITY =
      Kernel.of(
          """
          def off_identity(wv: Tensor) -> Tensor:
              one = torch.eye(torch.size(wv, 0), dtype=wv.dtype, layout=None, device=wv.device)
              return torch.mul(torch.sum(torch.square(torch.sub(one, wv))), 0.01)
          """);

  private final Trainable queryWeight;
  private final Trainable queryBias;
  private final Trainable keyWeight;
  private final Trainable keyBias;
  private final @Nullable Trainable value;
  private final boolean queryBeforeNorm;
  private final boolean regularized;
  private final double dropout;

  /**
   * Creates the fusion of one branch.
   *
   * @param d D, the width of the hidden state
   * @param hasValue whether there is a V
   * @param queryBeforeNorm whether z is h itself
   * @param regularized whether V is kept near the identity
   * @param dropout probability that a score is dropped, in [0, 1)
   */
  FusionLayer(
      long d,
      boolean hasValue,
      boolean queryBeforeNorm,
      boolean regularized,
      double dropout,
      Initializer initial) {
    this.queryWeight = trainable("query.weight", initial.normal(0.02, d, d));
    this.queryBias = trainable("query.bias", initial.zeros(d));
    this.keyWeight = trainable("key.weight", initial.normal(0.02, d, d));
    this.keyBias = trainable("key.bias", initial.zeros(d));
    this.value = hasValue ? trainable("value.weight", nearIdentity(d, initial)) : null;
    this.queryBeforeNorm = queryBeforeNorm;
    this.regularized = regularized;
    this.dropout = dropout;
  }

  /** Ones on the diagonal and a millionth elsewhere, as AdapterHub starts. */
  private static NDArray nearIdentity(long d, Initializer initial) {
    int n = Math.toIntExact(d);
    float[] values = new float[n * n];
    for (int i = 0; i < values.length; i++) {
      values[i] = i % (n + 1) == 0 ? 1 : 1e-6f;
    }
    return initial.of(values, d, d);
  }

  @Override
  public NDArray forward(SublayerSite.Input input, Forward<SublayerSite.Input, NDArray> base) {
    return Fusing.super.forward(input, base);
  }

  @Override
  public NDArray fuse(
      SublayerSite.Input input,
      Forward<SublayerSite.Input, NDArray> base,
      List<Forward<SublayerSite.Input, NDArray>> parts) {
    NDArray h = base.forward(input); // (B, T, D)
    NDArray z =
        queryBeforeNorm ? h : input.norm().forward(Ops.add(h, input.residual()), base.context());
    NDList changes = new NDList();
    parts.forEach(part -> changes.add(Ops.subtract(part.forward(input), h)));
    NDArray u = STACK.callWithLists(changes).singletonOrThrow(); // (B, T, n, D)
    NDArray scores =
        SCORES.call(
            z, u, queryWeight.value(), queryBias.value(), keyWeight.value(), keyBias.value());
    NDArray kept =
        isTraining(base.context()) && dropout > 0 ? Dropout.of(dropout).call(scores) : scores;
    return MIX.call(h, kept, value == null ? u : VALUES.call(u, value.value()));
  }

  @Override
  public @Nullable NDArray penalty() {
    return value == null || !regularized ? null : OFF_IDENTITY.call(value.value());
  }
}
