package io.github.peft4j.methods.randlora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.kernel.TorchRandom;
import io.github.peft4j.tuner.injection.Initializer;

/**
 * The random, frozen matrices that all modules of an adapter share, as PEFT draws them on a CPU: A
 * of the shorter side and N matrices B of the longer side. Dense ones are drawn in bfloat16, as on
 * every machine whose devices know it. PyTorch 2.15 draws 32 bits and rounds them; releases such as
 * 2.7 drew 8 bits, and so other bases from the same seed.
 *
 * @param a A (r, 1, shorter)
 * @param b B (longer, N, r)
 */
record RandomBases(NDArray a, NDArray b) {

  private static final Kernel NORMALIZED =
      Kernel.of(
          """
          def normalized(x: Tensor) -> Tensor:
              return torch.div(x, torch.std(x, True))
          """);

  /** The upper bound is excluded: a draw that is rounded to it becomes the lower bound. */
  private static final Kernel ROUNDED =
      Kernel.of(
          """
          def rounded(drawn: Tensor) -> Tensor:
              x = drawn.to(15)                                         # bfloat16
              return torch.where(torch.eq(x, torch.full_like(x, {bound})), torch.neg(x), x)
          """);

  /** Draws both from the config's seed. */
  static RandomBases drawn(RandLoraConfig config, long longer, long shorter, Initializer initial) {
    int r = config.r();
    int bases = Math.toIntExact(config.bases(shorter));
    int sizeA = Initializer.count(r, shorter);
    int sizeB = Initializer.count(longer, bases, r);
    boolean ternary = config.sparse() || config.verySparse();
    double sparsity = config.verySparse() ? Math.sqrt((double) shorter) : 3;
    float[] a;
    float[] b;
    try (TorchRandom random = new TorchRandom(config.projectionPrngKey())) {
      if (ternary) {
        a = ternary(random, sparsity, sizeA);
        b = ternary(random, sparsity, sizeB);
      } else {
        a = random.uniform(bound(shorter), sizeA);
        b = sideBySide(random.uniform(bound(r), sizeB), bases, Math.toIntExact(longer), r);
      }
    }
    return new RandomBases(
        normalized(a, ternary ? 0 : bound(shorter), initial, r, 1, shorter),
        normalized(b, ternary ? 0 : bound(r), initial, longer, bases, r));
  }

  /** Kaiming-uniform with a = √5. */
  private static double bound(long fan) {
    return 1 / Math.sqrt((double) fan);
  }

  /** Room for both, for values that a file has. */
  static RandomBases unset(RandLoraConfig config, long longer, long shorter, Initializer initial) {
    return new RandomBases(
        initial.zeros(config.r(), 1, shorter),
        initial.zeros(longer, config.bases(shorter), config.r()));
  }

  /**
   * Divides by the standard deviation.
   *
   * @param bound of uniform draws, which are rounded to bfloat16 first; 0 for other values
   */
  private static NDArray normalized(
      float[] values, double bound, Initializer initial, long... shape) {
    try (NDArray drawn = initial.of(values, shape)) {
      float[] result =
          Autograd.without(
              () -> {
                try (Scope scope = new Scope()) {
                  NDArray x = bound > 0 ? ROUNDED.with("bound", bound).call(drawn) : drawn;
                  return Tensors.floats(NORMALIZED.call(x));
                }
              });
      return initial.of(result, shape);
    }
  }

  /** From matrices one after the other (N, longer, r) to (longer, N, r). */
  private static float[] sideBySide(float[] each, int bases, int longer, int r) {
    float[] all = new float[each.length];
    for (int n = 0; n < bases; n++) {
      for (int row = 0; row < longer; row++) {
        System.arraycopy(each, (n * longer + row) * r, all, (row * bases + n) * r, r);
      }
    }
    return all;
  }

  /** -1 and 1 with probability 1 / (2 s) each, otherwise 0. */
  private static float[] ternary(TorchRandom random, double sparsity, int count) {
    float[] values = random.uniform(0, 1, count);
    double tail = 1 / (2 * sparsity);
    for (int i = 0; i < count; i++) {
      values[i] = values[i] < (float) tail ? -1 : values[i] > (float) (1 - tail) ? 1 : 0;
    }
    return values;
  }
}
