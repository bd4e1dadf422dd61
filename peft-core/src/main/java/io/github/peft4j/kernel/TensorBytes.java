package io.github.peft4j.kernel;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.io.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.Consumer;

/**
 * Copies tensors into files, slice by slice: a tensor of any size takes a few megabytes of heap.
 */
public final class TensorBytes {

  /** Elements of a slice. */
  private static final long SLICE = 1 << 20;

  /** PyTorch's number of the type. */
  private static final int UINT8 = 0;

  private static final Kernel FLAT =
      Kernel.of(
          """
          def flat(x: Tensor) -> Tensor:                 # any shape → (n), row-major
              return torch.reshape(x, [-1])
          """);
  private static final Kernel PART =
      Kernel.of(
          """
          def part(x: Tensor, start: Tensor, count: Tensor) -> Tensor:
              return torch.to(torch.narrow(x, 0, int(start), int(count)), {dtype})
          """);

  private TensorBytes() {}

  /** The type in a file of tensors of a precision. */
  public static DType type(Precision precision) {
    return switch (precision) {
      case FLOAT32 -> DType.F32;
      case BFLOAT16 -> DType.BF16;
      case FLOAT16 -> DType.F16;
      case FLOAT64 -> DType.F64;
    };
  }

  /**
   * Passes a tensor's elements in row-major order, little-endian, of the type that {@link #type}
   * gives.
   *
   * @param x a tensor of any shape, on any device
   * @param precision of the bytes
   * @param sink receives buffers of whole elements, each valid until it returns
   */
  public static void read(NDArray x, Precision precision, Consumer<ByteBuffer> sink) {
    boolean halved = precision == Precision.BFLOAT16; // DJL has no bfloat16
    Precision wide = halved ? Precision.FLOAT32 : precision;
    Kernel part = PART.with("dtype", wide.scalarType());
    read(x, part, bytes -> sink.accept(halved ? upperHalves(bytes) : bytes));
  }

  /**
   * Passes the elements of a tensor of unsigned bytes in row-major order.
   *
   * @param x a tensor of any shape, on any device
   * @param sink receives buffers, each valid until it returns
   */
  public static void readBytes(NDArray x, Consumer<ByteBuffer> sink) {
    read(x, PART.with("dtype", UINT8), sink);
  }

  private static void read(NDArray x, Kernel part, Consumer<ByteBuffer> sink) {
    Autograd.without(
        () -> {
          try (Scope scope = new Scope()) {
            NDArray flat = FLAT.call(x);
            long size = x.getShape().size();
            for (long at = 0; at < size; at += SLICE) {
              NDArray count = Tensors.scalar(Math.min(SLICE, size - at));
              try (NDArray values = part.call(flat, Tensors.scalar(at), count)) {
                sink.accept(values.toByteBuffer().order(ByteOrder.LITTLE_ENDIAN));
              }
            }
          }
          return x;
        });
  }

  /** The upper half of each float; exact, if it was of 16 bits before. */
  private static ByteBuffer upperHalves(ByteBuffer floats) {
    ByteBuffer halves = ByteBuffer.allocate(floats.remaining() / 2).order(ByteOrder.LITTLE_ENDIAN);
    while (floats.hasRemaining()) {
      halves.putShort((short) (floats.getInt() >>> 16));
    }
    return halves.flip();
  }
}
