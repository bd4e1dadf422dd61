package io.github.peft4j.methods.lora.init;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.Random;

/** Initial values of A [r, in] and B [out, r], computed as in Hugging Face PEFT. */
final class LoraInitializers {

  /** √(S/s) Vᵀ and U √(S/s) of W = U S Vᵀ, cut to rank r: s B A is the best approximation of W. */
  private static final Kernel PISSA =
      Kernel.of(
          """
          def pissa(w: Tensor) -> List[Tensor]:                            # w (out, in)
              u, s, vt = torch.linalg_svd(w, False)
              root = torch.sqrt(torch.div(torch.narrow(s, 0, 0, {r}), {scale}))
              a = torch.mul(torch.reshape(root, [-1, 1]), torch.narrow(vt, 0, 0, {r}))
              b = torch.mul(torch.narrow(u, 1, 0, {r}), root)
              return [torch.contiguous(a), torch.contiguous(b)]
          """);

  private static final Kernel FAST_PISSA =
      Kernel.of(
          RandomizedSvd.SOURCE
              + """
              def pissa(w: Tensor, random: Tensor) -> List[Tensor]:        # w (out, in)
                  u, s, vt = low_rank(w, random)
                  root = torch.sqrt(torch.div(s, {scale}))
                  a = torch.mul(torch.reshape(root, [-1, 1]), vt)
                  return [torch.contiguous(a), torch.contiguous(torch.mul(u, root))]
              """);

  private static final Kernel OLORA =
      Kernel.of(
          """
          def olora(w: Tensor) -> List[Tensor]:                            # w (out, in)
              q, r = torch.linalg_qr(w, "reduced")
              a = torch.narrow(r, 0, 0, {r})
              b = torch.narrow(q, 1, 0, {r})
              return [torch.contiguous(a), torch.contiguous(b)]
          """);

  /** Q's odd and even rows are orthogonal, so B A = 0. */
  private static final Kernel ORTHOGONAL =
      Kernel.of(
          """
          def orthogonal(x: Tensor, left: Tensor, right: Tensor) -> List[Tensor]:
              q, r = torch.linalg_qr(x, "reduced")                         # (r, r)
              odd = torch.slice(q, 0, 0, {r}, 2)                           # (r/2, r)
              even = torch.slice(q, 0, 1, {r}, 2)
              a = torch.div(torch.t(torch.mm(right, odd)), 10.)            # right (in, r/2)
              b = torch.div(torch.mm(left, even), 10.)                     # left (out, r/2)
              return [torch.contiguous(a), torch.contiguous(b)]
          """);

  private static final Kernel AS_USED =
      Kernel.of(
          """
          def as_used(w: Tensor) -> Tensor:
              return torch.t(w)
          """);

  /** The seed of {@link #fastPissa}'s random matrices, so that loading computes the same ones. */
  private static final long SEED = 42;

  private LoraInitializers() {}

  /** A linear layer and the settings of its initialisation. */
  record Module(LinearSite site, int r, double scale, Initializer initial) {

    /** W (out, in) in the precision of A and B. */
    NDArray weight() {
      NDArray w = initial.copy(site.weight());
      return site.isTransposed() ? AS_USED.call(w) : w;
    }

    Module requireFullRank(String initialization) {
      long most = Math.min(site.inFeatures(), site.outFeatures());
      if (r > most) {
        throw new IllegalArgumentException(
            String.format(
                "LoraConfig: field 'r' is %d, but %s has rank %d at most, and init_lora_weights"
                    + " \"%s\" takes A and B out of it; expected 'r' or its 'rank_pattern' up to %d",
                r, site.name(), most, initialization, most));
      }
      return this;
    }

    private InitialFactors start(Kernel kernel, NDArray... arguments) {
      NDList both = Autograd.without(() -> kernel.callForAll(arguments));
      return new InitialFactors(both.get(0), both.get(1));
    }
  }

  static InitialFactors kaiming(Module m) {
    return new InitialFactors(
        m.initial.kaimingUniform(m.r, m.site.inFeatures()),
        m.initial.zeros(m.site.outFeatures(), m.r));
  }

  static InitialFactors gaussian(Module m) {
    return new InitialFactors(
        m.initial.normal(1.0 / m.r, m.r, m.site.inFeatures()),
        m.initial.zeros(m.site.outFeatures(), m.r));
  }

  static InitialFactors random(Module m) {
    return new InitialFactors(
        m.initial.kaimingUniform(m.r, m.site.inFeatures()),
        m.initial.kaimingUniform(m.site.outFeatures(), m.r));
  }

  static InitialFactors pissa(Module m) {
    m.requireFullRank("pissa");
    return m.start(PISSA.with("r", m.r).with("scale", m.scale), m.weight());
  }

  static InitialFactors fastPissa(Module m, int iterations) {
    m.requireFullRank("pissa_niter_" + iterations);
    int n = Math.toIntExact(Math.min(m.site.inFeatures(), m.site.outFeatures()));
    Random random = new Random(SEED);
    float[] values = new float[n * m.r];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return m.start(
        FAST_PISSA.with("iterations", iterations).with("scale", m.scale),
        m.weight(),
        m.initial.of(values, n, m.r));
  }

  static InitialFactors olora(Module m) {
    m.requireFullRank("olora");
    return m.start(OLORA.with("r", m.r), m.weight());
  }

  static InitialFactors orthogonal(Module m) {
    if (m.r % 2 != 0) {
      throw new IllegalArgumentException(
          "LoraConfig: field 'r' is "
              + m.r
              + " for "
              + m.site.name()
              + "; expected an even rank, since init_lora_weights \"orthogonal\" halves it");
    }
    return m.start(
        ORTHOGONAL.with("r", m.r),
        m.initial.normal(1, m.r, m.r),
        m.initial.normal(1, m.site.outFeatures(), m.r / 2),
        m.initial.normal(1, m.site.inFeatures(), m.r / 2));
  }
}
