package io.github.peft4j.methods.lora.init;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The covariances C of modules' inputs, and the parts of their weights that weigh most or least
 * under them: those of W C = U S Vᵀ (CorDA, Yang et al. 2024, arXiv:2406.05223).
 */
public final class WeightedParts implements AutoCloseable {

  private static final Kernel COVARIANCE =
      Kernel.of(
          """
          def covariance(input: Tensor) -> Tensor:                         # (…, in) → (in, in)
              x = torch.reshape(input, [-1, torch.size(input, -1)]).to(6)
              x = torch.div(x, torch.abs(torch.max(x)))
              return torch.mm(torch.t(x), x)
          """);
  private static final Kernel FINITE =
      Kernel.of(
          """
          def finite(x: Tensor) -> Tensor:                                 # → (1), 1 or 0
              return torch.reshape(torch.all(torch.isfinite(x)), [1]).to(6)
          """);
  private static final Kernel ADD =
      Kernel.of(
          """
          def plus(sum: Tensor, more: Tensor) -> Tensor:
              return torch.add(sum, more)
          """);

  /** C is damped until its inverse is good. */
  private static final Kernel PARTS =
      Kernel.of(
          """
          def parts(w: Tensor, sum: Tensor, count: Tensor) -> List[Tensor]: # w (out, in), sum (in, in)
              c = torch.div(sum, count).to(w.dtype)
              mean = torch.mean(torch.diagonal(c))
              eye = torch.eye(torch.size(c, 0), dtype=c.dtype, layout=None, device=c.device)
              damp = 0.01
              fixed = torch.add(c, torch.mul(torch.mul(eye, mean), damp))
              inverse = torch.linalg_inv(fixed)
              while float(torch.dist(torch.mm(fixed, inverse), eye)) >= 0.05 and damp < 1e6:
                  damp = damp * 2.0
                  fixed = torch.add(c, torch.mul(torch.mul(eye, mean), damp))
                  inverse = torch.linalg_inv(fixed)
              u, s, vt = torch.linalg_svd(torch.mm(w, fixed), False)
              first = {first}
              if first < 0:
                  first = torch.size(s, 0) - {r}
              root = torch.sqrt(torch.div(torch.narrow(s, 0, first, {r}), {scale}))
              v = torch.mm(torch.narrow(vt, 0, first, {r}), inverse)
              a = torch.mul(v, torch.reshape(root, [-1, 1]))
              b = torch.mul(torch.narrow(u, 1, first, {r}), root)
              return [torch.contiguous(a), torch.contiguous(b)]
          """);

  /** A sum over n inputs. */
  private record Covariance(NDArray sum, long n) {}

  private final CordaMethod method;
  private final Map<String, Covariance> covariances = new LinkedHashMap<>();

  /** Creates parts without any covariance. */
  public WeightedParts(CordaMethod method) {
    this.method = method;
  }

  /**
   * Adds an input of a module.
   *
   * @param x (…, in), of one text
   * @throws IllegalArgumentException if it is not finite, or 0 at most
   */
  public void read(LinearSite site, NDArray x) {
    try (Scope scope = new Scope()) {
      NDArray more = COVARIANCE.call(x);
      if (Tensors.floats(FINITE.call(more))[0] == 0) {
        throw new IllegalArgumentException(
            "the inputs of "
                + site.name()
                + " are not finite, or have no element but 0, for an example: CorDA cannot start"
                + " from it; leave it out");
      }
      Covariance before = covariances.get(site.name());
      NDArray sum = Scope.release(before == null ? more : ADD.call(before.sum(), more));
      covariances.put(site.name(), new Covariance(sum, before == null ? 1 : before.n() + 1));
      if (before != null) {
        before.sum().close();
      }
    }
  }

  InitialFactors of(LoraInitializers.Module module) {
    module.requireFullRank("corda");
    Covariance covariance = covariances.get(module.site().name());
    if (covariance == null) {
      throw new IllegalArgumentException(
          "no example reached "
              + module.site().name()
              + ", so that CorDA knows no inputs of it;"
              + " take it out of the targets, or take other examples");
    }
    Kernel parts =
        PARTS
            .with("r", module.r())
            .with("scale", module.scale())
            .with("first", method == CordaMethod.IPM ? 0 : -1);
    return Autograd.without(
        () -> {
          var both =
              parts.callForAll(module.weight(), covariance.sum(), Tensors.scalar(covariance.n()));
          return new InitialFactors(both.get(0), both.get(1));
        });
  }

  @Override
  public void close() {
    covariances.values().forEach(covariance -> covariance.sum().close());
    covariances.clear();
  }
}
