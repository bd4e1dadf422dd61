package io.github.peft4j.io.torch;

import java.nio.ByteBuffer;
import java.util.function.Consumer;

/** Puts the elements of a view, such as a transposed matrix, into row-major order. */
final class StridedElements {

  private static final int SLICE = 1 << 20;

  private StridedElements() {}

  /**
   * Passes all elements in order.
   *
   * @param tensor with an element at least
   * @param spanned the bytes from its first element to its last
   */
  static void inOrder(StateDict.Tensor tensor, ByteBuffer spanned, Consumer<ByteBuffer> sink) {
    int width = tensor.info().dtype().bytes();
    long[] shape = tensor.info().shape();
    long[] strides = tensor.strides();
    long[] index = new long[shape.length];
    ByteBuffer slice =
        ByteBuffer.allocate((int) Math.min(SLICE, tensor.info().byteCount())); // whole elements
    long at = 0;
    for (long left = tensor.info().elementCount(); left > 0; left--) {
      slice.put(slice.position(), spanned, (int) (at * width), width);
      slice.position(slice.position() + width);
      if (!slice.hasRemaining() || left == 1) {
        sink.accept(slice.flip());
        slice.clear();
      }
      for (int i = shape.length - 1; i >= 0; i--) { // the next index, as an odometer counts
        at += strides[i];
        if (++index[i] < shape[i]) {
          break;
        }
        at -= shape[i] * strides[i];
        index[i] = 0;
      }
    }
  }
}
