package io.github.peft4j.quantization.gguf;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.io.gguf.GgufFile;
import io.github.peft4j.io.gguf.GgufTensor;
import io.github.peft4j.io.gguf.GgufType;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.TensorLoader;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.quantization.StoredMatrix;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A frozen matrix in blocks of a GGUF file. See {@link GgufBlocks}. */
public final class GgufMatrix extends StoredMatrix {

  private static final Kernel ROWS =
      Kernel.of(
          """
          def rows(blocks: Tensor, order: Tensor) -> Tensor:
              return torch.index_select(blocks, 0, order)
          """);

  private final GgufBlocks type;

  private GgufMatrix(
      GgufBlocks type, NDArray blocks, Shape rows, boolean transposed, Precision precision) {
    super(type.dense(rows.get(1), precision), rows, transposed, blocks);
    this.type = type;
  }

  /**
   * A matrix of blocks.
   *
   * @param blocks (out, bytes of a row) of {@link DataType#UINT8}, which the matrix owns from now
   *     on
   * @param transposed whether {@link #dense()} is (in, out)
   * @param precision of {@link #dense()}
   * @throws IllegalArgumentException if rows are not whole blocks, or the array has another type
   */
  public static GgufMatrix of(
      GgufBlocks type, NDArray blocks, boolean transposed, Precision precision) {
    GgufType stored = type.type();
    Shape shape = blocks.getShape();
    boolean whole =
        blocks.getDataType() == DataType.UINT8
            && shape.dimension() == 2
            && shape.size() > 0
            && shape.get(1) % stored.blockBytes() == 0;
    if (!whole) {
      throw new IllegalArgumentException(
          "blocks of %s are %s of %s, expected (out, a multiple of %d) of UINT8"
              .formatted(type, shape, blocks.getDataType(), stored.blockBytes()));
    }
    long in = shape.get(1) / stored.blockBytes() * stored.blockElements();
    return new GgufMatrix(type, blocks, new Shape(shape.get(0), in), transposed, precision);
  }

  /**
   * Loads a matrix of a file as it is stored there.
   *
   * @param name of a quantised tensor (out, in) of the file
   * @param order which row of the file each row of the matrix is, or null if they are the same
   * @param transposed whether {@link #dense()} is (in, out)
   * @param loader puts the blocks on its device; its precision is that of {@link #dense()}
   * @throws IllegalArgumentException if the tensor is no matrix, or not quantised
   */
  public static GgufMatrix load(
      GgufFile file,
      String name,
      long @Nullable [] order,
      boolean transposed,
      TensorLoader loader) {
    GgufTensor tensor = file.tensor(name);
    if (tensor.shape().length != 2) {
      throw new IllegalArgumentException(
          "%s: tensor %s has %d dimensions, expected a matrix"
              .formatted(file, tensor, tensor.shape().length));
    }
    GgufBlocks type = GgufBlocks.of(tensor.type());
    NDArray blocks = loader.loadStored(file.stored(), name);
    if (order == null) {
      return of(type, blocks, transposed, loader.precision());
    }
    try (blocks;
        Scope scope = new Scope()) {
      NDArray ordered = ROWS.call(blocks, Tensors.longs(loader.manager(), order));
      return of(type, ordered, transposed, loader.precision());
    }
  }

  private GgufMatrix(GgufMatrix like, List<NDArray> parts) {
    super(like, parts);
    this.type = like.type;
  }

  @Override
  public GgufMatrix of(List<NDArray> arrays) {
    return new GgufMatrix(this, arrays);
  }

  @Override
  public GgufBlocks quantization() {
    return type;
  }
}
