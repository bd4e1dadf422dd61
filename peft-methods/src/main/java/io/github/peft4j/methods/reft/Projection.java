package io.github.peft4j.methods.reft;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Declarations;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.SharedTensor;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Sites;
import java.util.List;

/** R [r, D], the rows of the subspace in which hidden states are changed. */
interface Projection {

  /** R in this pass. */
  NDArray of(ForwardContext context);

  /** An R that is trained as it is. */
  static Projection free(String module, long r, long d, Declarations layer, Sites sites) {
    Trainable weight = layer.trainable(module + ".weight", sites.initial().kaimingUniform(r, d));
    return context -> weight.value();
  }

  /**
   * An R with orthonormal rows, as PyTorch's {@code parametrizations.orthogonal} has it: Rᵀ = B Q,
   * with a fixed orthogonal B [D, D] and Q [D, r] of trained elements X [r, D]. For r below D, Q is a
   * product of Householder reflections (I − τᵢ aᵢ aᵢᵀ), where aᵢ is the part of X's row i behind its
   * diagonal, with a 1 in front; for r = D, Q = exp(L − Lᵀ) with the lower triangle L of Xᵀ.
   */
  static Projection orthogonal(String module, long r, long d, Declarations layer, Sites sites) {
    NDArray start = // unused values where a file's replace them
        sites.isFresh()
            ? Orthogonal.BASE.call(sites.initial().normal(1, d, d))
            : sites.initial().zeros(d, d);
    NDArray x = Orthogonal.START.call(sites.initial().zeros(r, d));
    String parts = module + ".parametrizations.weight.";
    Trainable original = layer.trainable(parts + "original", r == d ? x.mul(0) : x);
    Trainable base = layer.buffer(parts + "0.base", start);
    Kernel kernel = r == d ? Orthogonal.SQUARE : Orthogonal.TALL;
    SharedTensor shared =
        layer.reads(
            new SharedTensor(
                List.of(original, base), run -> kernel.call(original.value(), base.value())));
    return context -> context.value(shared);
  }
}
