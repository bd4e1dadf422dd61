package io.github.peft4j.methods.lora.init;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.quantization.FrozenMatrix;
import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.LinearSite;

/**
 * Where LoftQ starts: W ≈ Q + s B A, with Q in few bits (Li et al. 2023, arXiv:2310.08659,
 * algorithm 1). In turn, Q is W − s B A quantised, and s B A the best approximation of W − Q of
 * rank r.
 *
 * @param matrix Q, which the caller closes
 * @param factors A and B
 */
public record LoftqStart(FrozenMatrix matrix, InitialFactors factors) {

  private static final Kernel LEFT =
      Kernel.of(
          """
          def left(w: Tensor, a: Tensor, b: Tensor) -> Tensor:               # W − s B A
              return torch.sub(w, torch.mm(b, a), alpha={scale})
          """);

  /**
   * Computes the start of a map whose weight is plain numbers.
   *
   * @param r the rank
   * @param scale s
   */
  public static LoftqStart of(
      LinearSite site, int r, double scale, LoftqConfig config, Initializer initial) {
    LoraInitializers.Module module =
        new LoraInitializers.Module(site, r, scale, initial).requireFullRank("loftq");
    Quantization quantization = config.quantization();
    try (Scope scope = new Scope()) {
      NDArray weight = module.weight();
      NDArray left = weight;
      for (int i = 1; ; i++) {
        FrozenMatrix matrix = quantization.store(left, false, Precision.FLOAT32);
        InitialFactors factors = Residual.largest(weight, matrix.dense(), r, scale);
        if (i == config.loftqIter()) {
          scope.keep(factors.a());
          scope.keep(factors.b());
          return new LoftqStart(matrix, factors);
        }
        matrix.close();
        left = LEFT.with("scale", scale).call(weight, factors.a(), factors.b());
      }
    }
  }
}
