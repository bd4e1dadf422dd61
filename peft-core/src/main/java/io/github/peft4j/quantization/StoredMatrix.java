package io.github.peft4j.quantization;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A frozen matrix that is kept as parts, such as codes and their scales. Each product makes the
 * plain numbers of them anew.
 */
public abstract class StoredMatrix implements FrozenMatrix {

  private static final Kernel TURNED =
      Kernel.of(
          """
          def turned(w: Tensor) -> Tensor:
              return torch.contiguous(torch.t(w))
          """);

  private final Kernel dense;
  private final Shape rows;
  private final boolean transposed;
  private final NDArray[] parts;
  private final DenseProduct product;

  /**
   * Creates a matrix.
   *
   * @param dense makes the matrix (out, in) of the parts
   * @param rows the shape (out, in)
   * @param transposed whether {@link #dense()} is (in, out)
   * @param parts what is stored, the {@link #numbers} first. The matrix owns them from now on
   */
  protected StoredMatrix(Kernel dense, Shape rows, boolean transposed, NDArray... parts) {
    this.dense = dense;
    this.rows = rows;
    this.transposed = transposed;
    this.parts = parts.clone();
    for (NDArray part : parts) {
      Scope.release(part);
    }
    this.product = new DenseProduct(dense, rows.get(0), parts);
  }

  /** The same matrix of other parts, which it owns from now on. */
  protected StoredMatrix(StoredMatrix like, List<NDArray> parts) {
    this(like.dense, like.rows, like.transposed, parts.toArray(NDArray[]::new));
  }

  @Override
  public final List<NDArray> arrays() {
    return List.of(parts);
  }

  @Override
  public final NDArray map(NDArray x, @Nullable NDArray bias) {
    return product.map(x, bias);
  }

  @Override
  public final NDArray dense() {
    if (!transposed) {
      return dense.call(parts);
    }
    try (Scope scope = new Scope()) {
      return scope.keep(TURNED.call(dense.call(parts)));
    }
  }

  @Override
  public final Shape shape() {
    return transposed ? new Shape(rows.get(1), rows.get(0)) : rows;
  }

  /** The shape (out, in), in which codes lie row by row. */
  public final Shape rows() {
    return rows;
  }

  @Override
  public final NDArray numbers() {
    return parts[0];
  }

  @Override
  public final void close() {
    for (NDArray part : parts) {
      part.close();
    }
  }
}
