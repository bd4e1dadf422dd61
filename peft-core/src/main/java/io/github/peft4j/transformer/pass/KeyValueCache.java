package io.github.peft4j.transformer.pass;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Keys and values of the positions that a decoder has seen, so that each new token costs one
 * position's work. Buffers grow by doubling.
 *
 * <p>A stack that runs with a cache appends to it in every layer and counts the positions once at
 * its end, virtual tokens included: callers only hand the same cache to one {@link Pass} after the
 * other.
 */
public final class KeyValueCache implements AutoCloseable {

  private static final Kernel GROW =
      Kernel.of(
          """
          def grow(x: Tensor, old: Tensor, capacity: Tensor) -> Tensor:   # x (B, K, T, d)
              shape = [torch.size(x, 0), torch.size(x, 1), int(capacity), torch.size(x, 3)]
              buffer = torch.zeros(shape, dtype=x.dtype, layout=None, device=x.device)
              part = torch.narrow(buffer, 2, 0, torch.size(old, 2))
              part2 = torch.copy_(part, old)
              return buffer
          """);
  private static final Kernel WRITE =
      Kernel.of(
          """
          def write(buffer: Tensor, x: Tensor, start: Tensor) -> Tensor:
              first = int(start)
              n = torch.size(x, 2)
              part = torch.copy_(torch.narrow(buffer, 2, first, n), x)
              return torch.narrow(buffer, 2, 0, first + n)
          """);

  private final Map<String, NDArray> buffers = new HashMap<>();
  private long length;
  private @Nullable NDArray end;

  /** How many positions are held, virtual tokens included. */
  public long length() {
    return length;
  }

  /** Counts positions that all layers have appended: the stack's business. */
  public void advance(long positions) {
    length += positions;
    forgetEnd();
  }

  /** The length as an argument of kernels, made once a step and not once a layer. */
  private NDArray end() {
    NDArray present = end;
    if (present == null) {
      present = Scope.release(Tensors.scalar(length));
      end = present;
    }
    return present;
  }

  private void forgetEnd() {
    if (end != null) {
      end.close();
      end = null;
    }
  }

  /**
   * Appends to a buffer.
   *
   * @param name of the buffer
   * @param x (B, K, T, d)
   * @return all that is held, (B, K, length + T, d), valid until the next call
   */
  public NDArray append(String name, NDArray x) {
    long needed = length + x.getShape().get(2);
    NDArray buffer = buffers.get(name);
    if (buffer == null || buffer.getShape().get(2) < needed) {
      long capacity = Math.max(64, Long.highestOneBit(needed - 1) * 2);
      NDArray old = buffer == null ? x : buffer;
      NDArray grown = Scope.release(GROW.call(x, old, Tensors.scalar(capacity)));
      if (buffer != null) {
        buffer.close();
      }
      buffers.put(name, grown);
      buffer = grown;
    }
    return WRITE.call(buffer, x, end());
  }

  /**
   * What a layer computes once for all positions, such as keys of an encoder's output.
   *
   * @return the array held under the name, made by the supplier the first time
   */
  public NDArray once(String name, java.util.function.Supplier<NDArray> make) {
    NDArray present = buffers.get(name);
    if (present == null) {
      present = Scope.release(make.get());
      buffers.put(name, present);
    }
    return present;
  }

  /** What {@link #once} holds under a name, or null. */
  public @Nullable NDArray get(String name) {
    return buffers.get(name);
  }

  @Override
  public void close() {
    buffers.values().forEach(NDArray::close);
    buffers.clear();
    length = 0;
    forgetEnd();
  }
}
