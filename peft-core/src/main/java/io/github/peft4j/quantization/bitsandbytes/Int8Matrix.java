package io.github.peft4j.quantization.bitsandbytes;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.cuda.CudaText;
import io.github.peft4j.quantization.StoredMatrix;
import java.util.List;

/** A frozen matrix in whole numbers of eight bits. See {@link Int8}. */
public final class Int8Matrix extends StoredMatrix {

  /** The factor is 1 / 127, as bitsandbytes writes it. */
  private static final Kernel DENSE =
      Kernel.of(
          """
          def dense(codes: Tensor, largest: Tensor) -> Tensor:           # (out, in), (out) or (1)
              x = torch.mul(torch.mul(codes, torch.unsqueeze(largest, 1)), 7.874015718698502e-3)
              return x.to({type})
          """);

  private final Int8 format;
  private final NDArray largest;

  private Int8Matrix(
      Int8 format, NDArray codes, NDArray largest, boolean transposed, Precision precision) {
    super(dense(format, codes.getShape(), precision), codes.getShape(), transposed, codes, largest);
    this.format = format;
    this.largest = largest;
  }

  private static Kernel dense(Int8 format, Shape rows, Precision precision) {
    Kernel typed = DENSE.with("type", precision.scalarType());
    CudaText text = BitsandbytesText.int8(precision, rows, format == Int8.BY_ROW);
    return text == null ? typed : typed.cuda(text);
  }

  /**
   * A matrix of what has been stored.
   *
   * @param codes (out, in), whole numbers of eight bits: {@code CB} of bitsandbytes. The matrix
   *     owns it from now on, and the next one, too
   * @param largest (out) by row, or (1), in 32 bits: {@code SCB} of bitsandbytes
   * @param transposed whether {@link #dense()} is (in, out)
   * @param precision of {@link #dense()}
   * @throws IllegalArgumentException if arrays do not have these shapes and types
   */
  public static Int8Matrix of(
      Int8 format, NDArray codes, NDArray largest, boolean transposed, Precision precision) {
    Shape shape = codes.getShape();
    if (codes.getDataType() != DataType.INT8 || shape.dimension() != 2 || shape.size() == 0) {
      throw new IllegalArgumentException(
          "codes: found %s of %s, expected (out, in) of int8"
              .formatted(shape, codes.getDataType()));
    }
    Shape expected = new Shape(format == Int8.BY_ROW ? shape.get(0) : 1);
    if (largest.getDataType() != DataType.FLOAT32 || !largest.getShape().equals(expected)) {
      throw new IllegalArgumentException(
          "largest numbers: found %s of %s, expected %s of float32"
              .formatted(largest.getShape(), largest.getDataType(), expected));
    }
    return new Int8Matrix(format, codes, largest, transposed, precision);
  }

  private Int8Matrix(Int8Matrix like, List<NDArray> parts) {
    super(like, parts);
    this.format = like.format;
    this.largest = parts.get(1);
  }

  @Override
  public Int8Matrix of(List<NDArray> arrays) {
    return new Int8Matrix(this, arrays);
  }

  /** The largest numbers of the rows (out), or of the matrix (1). */
  public NDArray largest() {
    return largest;
  }

  @Override
  public Int8 quantization() {
    return format;
  }
}
