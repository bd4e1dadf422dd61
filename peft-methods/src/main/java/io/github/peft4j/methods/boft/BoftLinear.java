package io.github.peft4j.methods.boft;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.methods.common.linear.BlockDropout;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import org.jspecify.annotations.Nullable;

/**
 * y = s ∘ (W x R) + b for rows x, with R = Pₙ Dₙ Pₙᵀ … P₁ D₁ P₁ᵀ: permutations P and blocks D
 * [in/k, k, k], each (1 - Q)(1 + Q)⁻¹ of the skew-symmetric part Q of a trained matrix; s [out, 1].
 */
final class BoftLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private static final String ROTATE =
      """
      def cayley(a: Tensor) -> Tensor:                                 # a (layers, blocks, k, k)
          skew = torch.mul(torch.sub(a, torch.transpose(a, 2, 3)), 0.5)
          one = torch.eye({k}, dtype=a.dtype, layout=None, device=a.device)
          return torch.linalg_solve(torch.add(one, skew), torch.sub(one, skew), left=False)
      def turn(x: Tensor, r: Tensor, order: Tensor, back: Tensor) -> Tensor:
          grid = torch.reshape(torch.index_select(x, 1, back), [-1, torch.size(r, 0), {k}])
          turned = torch.reshape(torch.einsum("{product}", [grid, r.to(x.dtype)]), torch.size(x))
          return torch.index_select(turned, 1, order)
      def rotate(x: Tensor, a: Tensor, orders: Tensor, backs: Tensor) -> Tensor:
          r = cayley(a)
          z = torch.reshape(x, [-1, torch.size(x, -1)])
      {turns}
          return torch.reshape(z, torch.size(x))
      """;
  private static final Kernel INPUT = Kernel.of(ROTATE).with("product", "nbk,bkc->nbc");
  private static final Kernel SCALE =
      Kernel.of(
          """
          def scale(y: Tensor, s: Tensor) -> Tensor:                   # y (…, out), s (out, 1)
              return torch.mul(y, torch.reshape(s, [-1]).to(y.dtype))
          """);
  private static final Kernel SCALE_BIAS =
      Kernel.of(
          """
          def scale(y: Tensor, s: Tensor, bias: Tensor) -> Tensor:     # s ∘ (y - bias) + bias
              gain = torch.reshape(s, [-1])
              rest = torch.mul(bias, torch.rsub(gain, 1)).to(y.dtype)
              return torch.addcmul(rest, y, gain.to(y.dtype))
          """);
  private static final Kernel MERGE =
      Kernel.of(
              ROTATE
                  + """
                  def merge(w: Tensor, a: Tensor, s: Tensor, orders: Tensor, backs: Tensor) -> Tensor:
                      rows = torch.mul(rotate({weight}, a, orders, backs), s)
                      return torch.contiguous({rows})
                  """)
          .with("product", "nbc,bkc->nbk");

  private final @Nullable ParameterSite bias;
  private final Trainable a;
  private final Trainable s;
  private final BlockDropout dropout;
  private final NDArray orders;
  private final NDArray backs;
  private final Kernel rotate;
  private final Kernel merge;

  /**
   * Creates the adapter of one linear layer.
   *
   * @param a initial value of the matrices whose skew-symmetric parts are Q [layers, in/k, k, k]
   * @param s initial value of s [out, 1]
   * @param dropout fraction of the blocks of one layer that do not rotate in a training step, in
   *     [0, 1)
   */
  BoftLinear(LinearSite site, NDArray a, NDArray s, double dropout) {
    int in = Math.toIntExact(site.inFeatures());
    int layers = Math.toIntExact(a.getShape().get(0));
    int k = Math.toIntExact(a.getShape().get(2));
    this.bias = site.bias().orElse(null);
    this.a = trainable("boft_R", a);
    this.s = trainable("boft_s", s);
    this.dropout = new BlockDropout(dropout, layers, in / k);
    long[][] order = new long[layers][];
    long[][] back = new long[layers][];
    for (int i = 0; i < layers; i++) {
      order[i] = Butterfly.order(in, layers == 1 ? k : k << i, Math.max(1, k / 2), layers > 1);
      back[i] = Butterfly.inverse(order[i]);
    }
    this.orders = Scope.release(a.getManager().create(Butterfly.flat(order)));
    this.backs = Scope.release(a.getManager().create(Butterfly.flat(back)));
    this.rotate = INPUT.with("k", k).with("turns", turns(layers, in, false));
    boolean transposed = site.isTransposed();
    this.merge =
        MERGE
            .with("k", k)
            .with("turns", turns(layers, in, true))
            .with("weight", transposed ? "torch.t(w)" : "w")
            .with("rows", transposed ? "torch.t(rows)" : "rows");
  }

  /**
   * The last layer is applied to the input first. A weight's rows are multiplied by the transposed
   * R.
   */
  private static String turns(int layers, int in, boolean transposed) {
    StringBuilder code = new StringBuilder();
    for (int i = 0; i < layers; i++) {
      int layer = transposed ? i : layers - 1 - i;
      code.append(
          "    z = turn(z, torch.select(r, 0, %1$d), torch.narrow(orders, 0, %2$d, %3$d), torch.narrow(backs, 0, %2$d, %3$d))%n"
              .formatted(layer, layer * in, in));
    }
    return code.toString().stripTrailing();
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    NDArray kept =
        isTraining(base.context()) && dropout.drops() ? dropout.drop(a.value()) : a.value();
    NDArray y = base.forward(rotate.call(x, kept, orders, backs));
    return bias == null
        ? SCALE.call(y, s.value())
        : SCALE_BIAS.call(y, s.value(), bias.value(base.context()));
  }

  @Override
  public NDArray merge(NDArray weight) {
    return merge.call(weight, a.value(), s.value(), orders, backs);
  }

  @Override
  public void close() {
    super.close();
    orders.close();
    backs.close();
  }
}
