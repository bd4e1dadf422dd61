package io.github.peft4j.methods.randlora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.common.linear.WeightDelta;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.LinearSite;

/**
 * y = W x + b + s U V dropout(x), with trained λ [r, N] and γ [N, shorter] and random A, B. Where
 * the input is the shorter side,
 *
 * <pre>
 * V [r N, in]:  row i N + n is λᵢₙ γₙ ∘ aᵢ, with the rows aᵢ of A
 * U [out, N r]: the matrices B₁ … B_N side by side
 * </pre>
 *
 * <p>Otherwise U and V are the transposes of each other's. PEFT orders the columns of U by n and
 * the rows of V by i, so a term multiplies columns and rows of different numbers; all are random.
 */
final class RandLoraLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final String BASES =
      """
      def scaled(a: Tensor, lam: Tensor, gamma: Tensor) -> Tensor:          # (r N, shorter)
          row = torch.narrow(a, 2, 0, {shorter})                           # (r, 1, shorter)
          all = torch.mul(torch.mul(torch.unsqueeze(lam, 2), row), gamma)  # (r, N, shorter)
          return torch.flatten(all, 0, 1)
      def plain(b: Tensor) -> Tensor:                                      # (longer, N r)
          part = torch.narrow(torch.narrow(b, 0, 0, {longer}), 1, 0, {n})
          return torch.flatten(part, 1)
      """;
  private static final Kernel RANDLORA =
      Kernel.of(
          BASES
              + """
              def randlora(x: Tensor, y: Tensor, a: Tensor, b: Tensor, l: Tensor, g: Tensor) -> Tensor:
                  shorter = scaled(a, l, g).to(x.dtype)
                  longer = plain(b).to(x.dtype)
                  low = torch.linear(torch.reshape(x, [-1, {in}]), {down})  # (…, r N)
                  flat = torch.reshape(y, [-1, {out}])
                  sum = torch.addmm(flat, low, torch.t({up}), alpha={scale})
                  return torch.reshape(sum, torch.size(y))
              """);
  private static final String DELTA =
      BASES
          + """
          def delta(a: Tensor, b: Tensor, l: Tensor, g: Tensor) -> Tensor:  # (out, in)
              change = torch.mm(plain(b), scaled(a, l, g))                  # (longer, shorter)
              return {turned}
          """;

  private final String module;
  private final SharedBases shared;
  private final Trainable lambda;
  private final Trainable gamma;
  private final double dropout;
  private final Kernel randlora;
  private final WeightDelta merge;

  /**
   * Creates the adapter of one linear layer. The layers of an adapter share the bases, and are
   * closed together.
   *
   * @param bases at least as wide as this layer needs
   * @param lambda initial value of λ [r, N]
   * @param gamma initial value of γ [N, shorter]
   */
  RandLoraLinear(
      LinearSite site, SharedBases bases, NDArray lambda, NDArray gamma, RandLoraConfig config) {
    this.module = site.name();
    this.shared = bases;
    this.lambda = trainable("randlora_lambda", lambda);
    this.gamma = trainable("randlora_gamma", gamma);
    this.dropout = config.randloraDropout();
    long in = site.inFeatures();
    long out = site.outFeatures();
    boolean narrow = in <= out; // whether the input is the shorter side
    long shorter = Math.min(in, out);
    long n = config.bases(shorter);
    this.randlora =
        RANDLORA
            .with("shorter", shorter)
            .with("longer", Math.max(in, out))
            .with("n", n)
            .with("in", in)
            .with("out", out)
            .with("down", narrow ? "shorter" : "torch.t(longer)")
            .with("up", narrow ? "longer" : "torch.t(shorter)")
            .with("scale", config.scale());
    this.merge =
        WeightDelta.of(DELTA, config.scale(), site.isTransposed())
            .with("shorter", shorter)
            .with("longer", Math.max(in, out))
            .with("n", n)
            .with("turned", narrow ? "change" : "torch.t(change)");
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    NDArray dropped = isTraining(base.context()) && dropout > 0 ? Dropout.of(dropout).call(x) : x;
    RandomBases bases = shared.at(module);
    return randlora.call(
        dropped, base.forward(x), bases.a(), bases.b(), lambda.value(), gamma.value()); // (…, out)
  }

  @Override
  public NDArray merge(NDArray weight) {
    RandomBases bases = shared.at(module);
    return merge.into(weight, bases.a(), bases.b(), lambda.value(), gamma.value());
  }

  @Override
  public void close() {
    super.close();
    shared.close();
  }
}
