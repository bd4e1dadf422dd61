package io.github.peft4j.quantization;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A frozen matrix W (out, in) that is not kept as plain numbers. Gradients pass its products, in a
 * tape and in PyTorch's graph; W itself has none.
 */
public interface FrozenMatrix extends AutoCloseable {

  /**
   * The map x Wᵀ + b.
   *
   * @param x (…, in)
   * @param bias (out), or null
   * @return (…, out), in the precision of x
   */
  NDArray map(NDArray x, @Nullable NDArray bias);

  /**
   * The matrix as plain numbers in the model's precision, (out, in), or (in, out) if it was stored
   * transposed: a new array for each call, which the innermost {@link
   * io.github.peft4j.kernel.Scope} frees.
   */
  NDArray dense();

  /** The shape of {@link #dense()}. */
  Shape shape();

  /**
   * The array that holds most of what is stored. It is always the same array; DJL may not know its
   * type.
   */
  NDArray numbers();

  /** What is stored, in a fixed order. The arrays stay the matrix's own. */
  List<NDArray> arrays();

  /**
   * The same matrix of other arrays.
   *
   * @param arrays copies of {@link #arrays()}, which the new matrix owns
   */
  FrozenMatrix of(List<NDArray> arrays);

  /** How it is kept. */
  Quantization quantization();

  @Override
  void close();
}
