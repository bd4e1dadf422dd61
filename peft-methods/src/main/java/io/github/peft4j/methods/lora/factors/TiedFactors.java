package io.github.peft4j.methods.lora.factors;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lora.init.InitialFactors;
import io.github.peft4j.tuner.Declarations;
import io.github.peft4j.tuner.Trainable;

/**
 * The factors of an output layer that shares the weight [V, d] of an embedding. A of the output is
 * Bᵀ of the embedding and B is Aᵀ, in the same memory, as with Hugging Face PEFT's {@code
 * ensure_weight_tying}.
 */
public final class TiedFactors {

  private TiedFactors() {}

  /**
   * Factors in the memory of an embedding's factors.
   *
   * @param table the embedding's layer
   * @param start the output's initial values
   * @param takesOver whether the embedding gets these initial values, as in PEFT
   */
  public static Factors.Source of(
      TableFactors table, InitialFactors start, boolean takesOver, double scale) {
    return layer -> {
      Trainable a = tied(layer, Factors.A, table.trainedB());
      Trainable b = tied(layer, Factors.B, table.trainedA());
      if (takesOver) {
        Tensors.copy(a.value(), start.a());
        Tensors.copy(b.value(), start.b());
      }
      return new PlainFactors(a, b, scale);
    };
  }

  private static Trainable tied(Declarations layer, String key, Trainable other) {
    try (Scope scope = new Scope()) {
      NDArray turned = Autograd.without(() -> Ops.transpose(other.value()));
      return layer.view(key, turned);
    }
  }
}
