package io.github.peft4j.quantization.gguf;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.gguf.GgufType;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.TensorBytes;
import io.github.peft4j.kernel.cuda.CudaText;
import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.quantization.Weights;
import java.nio.ByteBuffer;

/**
 * A block type of llama.cpp, in which frozen matrices stay on the device. Their numbers are those
 * of the gguf package of Python, bit for bit, rounded to the model's precision. Products are
 * computed with a dense copy, which is freed after the product.
 *
 * <p>A model's weights become blocks of {@link #Q8_0}, {@link #Q4_0}, {@link #Q4_1}, {@link #Q5_0}
 * and {@link #Q5_1} while they are loaded: {@code Peft.from(…).quantize(GgufBlocks.Q8_0)}. Other
 * types come out of files only.
 */
public enum GgufBlocks implements Quantization {
  /** Eight bits and a scale for 32 numbers: 8.5 bits for a number. */
  Q8_0(
      """
      def numbers(b: Tensor) -> Tensor:
          return torch.mul(half(b, 0), torch.narrow(b, 1, 2, 32).to(1).to(6))
      """),
  /** Four bits and a scale for 32 numbers: 4.5 bits for a number. */
  Q4_0(
      """
      def numbers(b: Tensor) -> Tensor:
          q = torch.reshape(split(torch.narrow(b, 1, 2, 16), 4), [-1, 32])
          return torch.mul(half(b, 0), torch.sub(q.to(6), 8))
      """),
  /** Four bits, a scale and a minimum for 32 numbers: 5 bits for a number. */
  Q4_1(
      """
      def numbers(b: Tensor) -> Tensor:
          q = torch.reshape(split(torch.narrow(b, 1, 4, 16), 4), [-1, 32])
          return torch.add(torch.mul(half(b, 0), q.to(6)), half(b, 2))
      """),
  /** Five bits and a scale for 32 numbers: 5.5 bits for a number. */
  Q5_0(
      """
      def numbers(b: Tensor) -> Tensor:
          high = torch.reshape(split(torch.unsqueeze(torch.narrow(b, 1, 2, 4), -1), 1), [-1, 32])
          q = torch.add(torch.reshape(split(torch.narrow(b, 1, 6, 16), 4), [-1, 32]), high, alpha=16)
          return torch.mul(half(b, 0), torch.sub(q.to(6), 16))
      """),
  /** Five bits, a scale and a minimum for 32 numbers: 6 bits for a number. */
  Q5_1(
      """
      def numbers(b: Tensor) -> Tensor:
          high = torch.reshape(split(torch.unsqueeze(torch.narrow(b, 1, 4, 4), -1), 1), [-1, 32])
          q = torch.add(torch.reshape(split(torch.narrow(b, 1, 8, 16), 4), [-1, 32]), high, alpha=16)
          return torch.add(torch.mul(half(b, 0), q.to(6)), half(b, 2))
      """),
  /** Two bits, with scales and minima of 4 bits for 16 numbers: 2.625 bits for a number. */
  Q2_K(
      """
      def numbers(b: Tensor) -> Tensor:
          both = split(torch.narrow(b, 1, 0, 16), 4)                                # (n, 2, 16)
          scale = torch.mul(half(b, 80), torch.select(both, 1, 0).to(6))
          minimum = torch.mul(half(b, 82), torch.select(both, 1, 1).to(6))
          q = split(torch.reshape(torch.narrow(b, 1, 16, 64), [-1, 2, 32]), 2)      # (n, 2, 4, 32)
          x = torch.mul(torch.unsqueeze(scale, 2), torch.reshape(q, [-1, 16, 16]).to(6))
          return torch.sub(x, torch.unsqueeze(minimum, 2))
      """),
  /** Three bits, with scales of 6 bits for 16 numbers: 3.4375 bits for a number. */
  Q3_K(
      """
      def numbers(b: Tensor) -> Tensor:
          low = torch.reshape(split(torch.narrow(b, 1, 96, 8), 4), [-1, 16])
          scale = torch.add(low, torch.reshape(split(torch.narrow(b, 1, 104, 4), 2), [-1, 16]), alpha=16)
          scale = torch.mul(half(b, 108), torch.sub(scale.to(6), 32))
          low = torch.reshape(split(torch.reshape(torch.narrow(b, 1, 32, 64), [-1, 2, 32]), 2), [-1, 16, 16])
          q = torch.add(low, torch.reshape(split(torch.narrow(b, 1, 0, 32), 1), [-1, 16, 16]), alpha=4)
          return torch.mul(torch.unsqueeze(scale, 2), torch.sub(q.to(6), 4))
      """),
  /** Four bits, with scales and minima of 6 bits for 32 numbers: 4.5 bits for a number. */
  Q4_K(
      Text.SIX_BITS
          + """
          def numbers(b: Tensor) -> Tensor:
              q = split(torch.reshape(torch.narrow(b, 1, 16, 128), [-1, 4, 32]), 4)     # (n, 4, 2, 32)
              return scaled(b, torch.reshape(q, [-1, 8, 32]))
          """),
  /** Five bits, with scales and minima of 6 bits for 32 numbers: 5.5 bits for a number. */
  Q5_K(
      Text.SIX_BITS
          + """
          def numbers(b: Tensor) -> Tensor:
              q = split(torch.reshape(torch.narrow(b, 1, 48, 128), [-1, 4, 32]), 4)     # (n, 4, 2, 32)
              high = split(torch.narrow(b, 1, 16, 32), 1)                               # (n, 8, 32)
              return scaled(b, torch.add(torch.reshape(q, [-1, 8, 32]), high, alpha=16))
          """),
  /** Six bits, with scales of 8 bits for 16 numbers: 6.5625 bits for a number. */
  Q6_K(
      """
      def numbers(b: Tensor) -> Tensor:
          scale = torch.mul(half(b, 208), torch.narrow(b, 1, 192, 16).to(1).to(6))
          q = split(torch.reshape(torch.narrow(b, 1, 0, 128), [-1, 2, 64]), 4)      # (n, 2, 2, 64)
          high = split(torch.reshape(torch.narrow(b, 1, 128, 64), [-1, 2, 32]), 2)  # (n, 2, 4, 32)
          q = torch.add(torch.reshape(q, [-1, 16, 16]), torch.reshape(high, [-1, 16, 16]), alpha=16)
          return torch.mul(torch.unsqueeze(scale, 2), torch.sub(q.to(6), 32))
      """),
  /** Four bits that stand for the numbers of a table, and a scale for 32: 4.5 bits for a number. */
  IQ4_NL(
      """
      def numbers(b: Tensor) -> Tensor:
          table = torch.tensor(annotate(List[int], [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]), dtype=6, device=b.device)
          q = torch.reshape(split(torch.narrow(b, 1, 2, 16), 4), [-1])
          return torch.mul(half(b, 0), torch.reshape(torch.index_select(table, 0, q.to(3)), [-1, 32]))
      """);

  /** Constants of an enum cannot read its static fields. */
  private static final class Text {
    /** Of Q4_K and Q5_K: codes (n, 8, 32) → numbers. */
    static final String SIX_BITS =
        """
        def scaled(b: Tensor, q: Tensor) -> Tensor:
            first = torch.narrow(b, 1, 4, 8)                                            # (n, 2 · 4)
            upper = torch.bitwise_and(torch.bitwise_right_shift(first, 2), 48)
            last = torch.bitwise_or(torch.reshape(split(torch.narrow(b, 1, 12, 4), 4), [-1, 8]), upper)
            both = torch.stack([torch.bitwise_and(first, 63), last], 1)                 # (n, 2, 2 · 4)
            both = torch.permute(torch.reshape(both, [-1, 2, 2, 4]), [0, 2, 1, 3])
            both = torch.reshape(both, [-1, 2, 8]).to(6)                                # scales, minima
            scale = torch.mul(half(b, 0), torch.select(both, 1, 0))
            minimum = torch.mul(half(b, 2), torch.select(both, 1, 1))
            x = torch.mul(torch.unsqueeze(scale, 2), q.to(6))
            return torch.sub(x, torch.unsqueeze(minimum, 2))

        """;
  }

  private final String numbers;

  GgufBlocks(String numbers) {
    this.numbers = numbers;
  }

  /**
   * The blocks of a type.
   *
   * @throws IllegalArgumentException if it is a type of plain numbers
   */
  public static GgufBlocks of(GgufType type) {
    if (!type.isQuantized()) {
      throw new IllegalArgumentException(type + " has no blocks: load the tensor as plain numbers");
    }
    return valueOf(type.name());
  }

  /** The type in files. */
  public GgufType type() {
    return GgufType.valueOf(name());
  }

  /**
   * Makes numbers of blocks.
   *
   * @param in the number of columns
   * @param precision of the numbers
   */
  Kernel dense(long in, Precision precision) {
    Kernel plain = BlockText.dense(numbers, type(), in, precision.scalarType());
    CudaText cuda = BlockCuda.dense(this, precision);
    return cuda == null ? plain : plain.cuda(cuda);
  }

  /**
   * Makes blocks of a matrix, on the host.
   *
   * @throws IllegalArgumentException if the type comes out of files only, or a number is not finite
   */
  @Override
  public GgufMatrix store(NDArray weight, boolean transposed, Precision precision) {
    requireWritable();
    return Autograd.without(
        () -> {
          try (Scope scope = new Scope()) { // the matrix keeps its arrays
            NDArray rows = Weights.byRows(weight, transposed);
            TensorInfo info = new TensorInfo("weight", DType.F32, rows.getShape().getShape());
            long bytes = type().byteCount(info.shape());
            ByteBuffer blocks = ByteBuffer.allocateDirect(Math.toIntExact(bytes));
            type()
                .blocks(info, sink -> TensorBytes.read(rows, Precision.FLOAT32, sink))
                .read(blocks::put);
            NDManager manager = weight.getManager();
            long out = rows.getShape().get(0);
            NDArray stored =
                manager.create(blocks.flip(), new Shape(out, bytes / out), DataType.UINT8);
            return GgufMatrix.of(this, stored, transposed, precision);
          }
        });
  }

  private void requireWritable() {
    if (!type().isWritable()) {
      throw new IllegalArgumentException(
          "weights cannot be made "
              + this
              + " here: take Q8_0, Q6_K, Q5_K, Q5_1, Q5_0, Q4_K, Q4_1 or Q4_0, or a GGUF file that"
              + " has such blocks");
    }
  }

  /** Both sizes have to be multiples of the block. */
  @Override
  public boolean fits(Shape shape) {
    int block = type().blockElements();
    return shape.dimension() == 2
        && shape.size() > 0
        && shape.get(0) % block == 0
        && shape.get(1) % block == 0;
  }

  /** Every device and precision will do, but weights cannot become blocks of all types. */
  @Override
  public void require(Device device, Precision precision) {
    requireWritable();
  }

  @Override
  public String named() {
    return "GGUF blocks of " + this;
  }
}
