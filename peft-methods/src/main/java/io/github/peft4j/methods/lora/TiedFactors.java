package io.github.peft4j.methods.lora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.Trainable;
import java.util.function.BiFunction;

/**
 * The factors of an output that shares its table [V, d] with an embedding: A of the output is Bᵀ of
 * the embedding and B is Aᵀ, on the same memory, as Hugging Face PEFT's {@code ensure_weight_tying}
 * has it.
 *
 * @param table the embedding's layer
 * @param view declares a tensor on another's memory
 * @param starts whether the embedding takes over the output's first values, as in PEFT
 */
record TiedFactors(TableFactors table, BiFunction<String, NDArray, Trainable> view, boolean starts)
    implements BiFunction<String, NDArray, Trainable> {

  private static final Kernel TRANSPOSE =
      Kernel.of(
          """
          def transpose(x: Tensor) -> Tensor:
              return torch.t(x)
          """);

  @Override
  public Trainable apply(String key, NDArray start) {
    Trainable other = key.startsWith("lora_A") ? table.trainedB() : table.trainedA();
    try (Scope scope = new Scope()) {
      Trainable tied = view.apply(key, Autograd.without(() -> TRANSPOSE.call(other.value())));
      if (starts) {
        Tensors.copy(tied.value(), start);
      }
      return tied;
    }
  }
}
