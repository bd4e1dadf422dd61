package io.github.peft4j.methods.lora.factors;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.MatrixProduct;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * W x + c + s B A x in one kernel, with A [r, in], B [out, r] and a bias c if the map has one. The
 * derivative keeps x and A x.
 */
public final class LowRankMap {

  private static final String FORWARD =
      MatrixProduct.text()
          + """
      def all(x: Tensor, w: Tensor, a: Tensor, b: Tensor{parameter}) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
          flat = torch.reshape(x, [-1, torch.size(x, -1)])                 # (N, in)
          aw, bw = a.to(x.dtype), b.to(x.dtype)
          low = torch.linear(flat, aw)                                     # (N, r)
          y = {base}                                                       # (N, out)
          y = torch.addmm_(y, low, torch.t(bw), alpha={scale})
          size = torch.slice(torch.size(x), 0, -1)
          return (torch.reshape(y, torch.add(size, [torch.size(y, 1)])), low, aw, bw)

      """;
  private static final String RESULT =
      """
      def lora(x: Tensor, w: Tensor, a: Tensor, b: Tensor{parameter}) -> Tensor:
          y, low, aw, bw, = all(x, w, a, b{argument})
          return y
      """;

  private static final String TRAINING =
      """
      def lora(x: Tensor, w: Tensor, a: Tensor, b: Tensor{parameter}) -> List[Tensor]:
          y, low, aw, bw, = all(x, w, a, b{argument})
          return [y, low, aw, bw]
      """;

  private static final String BACK =
      MatrixProduct.textWithSum()
          + LowRankProduct.ADD_TO
          + """
              def back(g: Tensor, x: Tensor, w: Tensor, kept0: Tensor, kept1: Tensor, kept2: Tensor, into_a: Tensor, into_b: Tensor, sum_x: Tensor) -> Tensor:
                  flat = torch.reshape(g, [-1, torch.size(g, -1)])         # (N, out)
                  low = torch.mm(flat, kept2)                     # (N, r)
                  add_to(into_b, torch.t(flat), kept0, {scale})
                  add_to(into_a, torch.t(low), torch.reshape(x, [-1, torch.size(x, -1)]), {scale})
                  onward = onto(sum_x, flat, {weight})                     # (N, in)
                  onward = torch.addmm_(onward, low, kept1, alpha={scale})
                  return torch.reshape(onward, torch.size(x))
              """;

  /** When nobody reads y. */
  private static final String UNREAD =
      Kernel.UNREAD
          + """
              def lora(x: Tensor, w: Tensor, a: Tensor, b: Tensor{parameter}) -> List[Tensor]:
                  aw, bw = a.to(x.dtype), b.to(x.dtype)
                  low = torch.linear(torch.reshape(x, [-1, torch.size(x, -1)]), aw)
                  return [unread(x, torch.size(b, 0)), low, aw, bw]
              """;

  /** When somebody reads y after all. */
  private static final String LATE =
      MatrixProduct.text()
          + """
              def lora(x: Tensor, w: Tensor, kept0: Tensor, kept2: Tensor{parameter}) -> Tensor:
                  flat = torch.reshape(x, [-1, torch.size(x, -1)])         # (N, in)
                  y = {base}                                               # (N, out)
                  y = torch.addmm_(y, kept0, torch.t(kept2), alpha={scale})
                  size = torch.slice(torch.size(x), 0, -1)
                  return torch.reshape(y, torch.add(size, [torch.size(y, 1)]))
              """;

  private static final Kernel MAP = map("", "");
  private static final Kernel MAP_BIAS = map(", c: Tensor", ", c");

  private final ParameterSite weight;
  private final @Nullable ParameterSite bias;
  private final Kernel kernel;

  /**
   * Creates the map of one module.
   *
   * @param scale s
   */
  public LowRankMap(LinearSite site, double scale) {
    this.weight = site.weight();
    this.bias = site.bias().orElse(null);
    boolean transposed = site.isTransposed();
    String map =
        bias != null
            ? transposed
                ? "torch.addmm(c.to(x.dtype), flat, w.to(x.dtype))"
                : "product(flat, w.to(x.dtype), c.to(x.dtype))"
            : transposed ? "torch.mm(flat, w.to(x.dtype))" : "product(flat, w.to(x.dtype), None)";
    this.kernel =
        (bias == null ? MAP : MAP_BIAS)
            .with("base", map)
            .with("weight", transposed ? "w.to(g.dtype)" : "torch.t(w.to(g.dtype))")
            .with("scale", scale);
  }

  /**
   * The kernel, still without its product.
   *
   * @param parameter the bias as a parameter in TorchScript; empty for none
   * @param argument the bias as an argument; empty for none
   */
  private static Kernel map(String parameter, String argument) {
    UnaryOperator<String> bound =
        text -> text.replace("{parameter}", parameter).replace("{argument}", argument);
    return Kernel.of(bound.apply(FORWARD + RESULT))
        .derivative("x", bound.apply(FORWARD + TRAINING), BACK)
        .late(bound.apply(UNREAD), bound.apply(LATE));
  }

  /** Whether the weight is kept as it is: one in fewer bits has products of its own. */
  public boolean isDense() {
    return !weight.isQuantized();
  }

  /** x (…, in) → (…, out). */
  public NDArray forward(NDArray x, NDArray a, NDArray b, ForwardContext context) {
    NDArray w = weight.value(context);
    return bias == null ? kernel.call(x, w, a, b) : kernel.call(x, w, a, b, bias.value(context));
  }
}
