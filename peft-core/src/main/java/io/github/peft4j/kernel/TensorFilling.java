package io.github.peft4j.kernel;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorInfo;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.Consumer;

/** Fills a new flat tensor with the bytes of a file, slice by slice. */
final class TensorFilling implements Consumer<ByteBuffer> {

  /** Bytes of a slice in memory. */
  private static final int SLICE = 1 << 24;

  private static final Kernel EMPTY =
      Kernel.of(
          """
          def empty(like: Tensor, count: Tensor) -> Tensor:
              return torch.new_empty(like, [int(count)])
          """);
  private static final Kernel FILL =
      Kernel.of(
          """
          def fill(target: Tensor, values: Tensor, start: Tensor) -> Tensor:
              return torch.copy_(torch.narrow(target, 0, int(start), torch.numel(values)), values)
          """);

  private final TensorInfo info;
  private final NDManager manager;
  private final NDArray target;
  private final DataType type;
  private final ByteBuffer slice;
  private long filled;

  /**
   * Makes the tensor, in the innermost {@link Scope}.
   *
   * @param like a tensor of the new one's type and device
   * @param info a tensor of a file
   */
  TensorFilling(NDArray like, TensorInfo info) {
    this.info = info;
    this.manager = like.getManager();
    this.target = EMPTY.call(like, Tensors.scalar(info.elementCount()));
    this.type =
        switch (info.dtype()) {
          case U8 -> DataType.UINT8;
          case I8 -> DataType.INT8;
          case I32 -> DataType.INT32;
          case I64 -> DataType.INT64;
          case F16 -> DataType.FLOAT16;
          case F64 -> DataType.FLOAT64;
          default -> DataType.FLOAT32; // DJL has no bfloat16, so it is widened here
        };
    long bytes = Math.multiplyExact(info.elementCount(), (long) type.getNumOfBytes());
    this.slice =
        ByteBuffer.allocateDirect((int) Math.min(SLICE, bytes)).order(ByteOrder.nativeOrder());
  }

  @Override
  public void accept(ByteBuffer bytes) {
    while (bytes.hasRemaining()) {
      if (filled == info.elementCount()) {
        throw wrong("more bytes than its shape has");
      }
      put(bytes);
      if (!slice.hasRemaining()) {
        flush();
      }
    }
  }

  private void put(ByteBuffer bytes) {
    if (info.dtype() == DType.BF16) {
      int n = Math.min(slice.remaining() / Float.BYTES, bytes.remaining() / Short.BYTES);
      for (int i = 0; i < n; i++) {
        slice.putInt(bytes.getShort() << 16);
      }
    } else {
      int n = Math.min(slice.remaining(), bytes.remaining());
      slice.put(bytes.slice(bytes.position(), n));
      bytes.position(bytes.position() + n);
    }
  }

  private void flush() {
    slice.flip();
    int count = slice.remaining() / type.getNumOfBytes();
    try (NDArray values = manager.create(slice.slice(), new Shape(count), type);
        NDArray start = Tensors.scalar(filled)) {
      FILL.call(target, values, start).close();
    }
    filled += count;
    slice.clear();
  }

  /** The tensor (n), once all bytes have been passed. */
  NDArray finish() {
    if (slice.position() > 0) {
      flush();
    }
    if (filled != info.elementCount()) {
      throw wrong("bytes for %d elements only".formatted(filled));
    }
    return target;
  }

  private IllegalStateException wrong(String what) {
    return new IllegalStateException(
        "tensor " + info + " has " + what + "; the file changed while it was read, load it again");
  }
}
