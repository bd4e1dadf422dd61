package io.github.peft4j.transformer.pass;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.Rows;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Keys and values of the positions that a decoder has read, so that a new token costs the work of
 * one position. Buffers grow by doubling.
 *
 * <p>A stack appends to its cache in every layer and counts the positions once at its end, virtual
 * tokens included. Callers only pass the same cache to one {@link Pass} after another.
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

  /**
   * The function {@code write(buffer, x, start)} in TorchScript, for kernels that do more: x (B, K,
   * T, d) is written into the buffer (B, K, capacity, d) at the position that the tensor {@code
   * start} holds. The result is all positions so far (B, K, start + T, d), on the buffer's memory.
   */
  public static final String WRITE =
      """
      def write(buffer: Tensor, x: Tensor, start: Tensor) -> Tensor:
          first = int(start)
          n = torch.size(x, 2)
          part = torch.copy_(torch.narrow(buffer, 2, first, n), x)
          return torch.narrow(buffer, 2, 0, first + n)
      """;

  private static final Kernel APPEND = Kernel.of(WRITE);

  private static final Kernel WRITE_ROWS =
      Kernel.of(
          """
          def write(buffer: Tensor, x: Tensor, start: Tensor, rows: Tensor) -> Tensor:   # rows (B')
              first = int(start)
              n = torch.size(x, 2)
              part = torch.index_copy_(torch.narrow(buffer, 2, first, n), 0, rows, x)
              return torch.index_select(torch.narrow(buffer, 2, 0, first + n), 0, rows)
          """);
  private static final Kernel SPREAD =
      Kernel.of(
          """
          def spread(x: Tensor, batch: Tensor) -> Tensor:        # (B', …) → (B, …)
              return torch.new_zeros(x, [int(batch), torch.size(x, 1), torch.size(x, 2), torch.size(x, 3)])
          """);

  private static final Kernel SELECT =
      Kernel.of(
          """
          def select(x: Tensor, rows: Tensor) -> Tensor:         # (B, …) → (B', …)
              return torch.index_select(x, 0, rows)
          """);

  /** Room for the positions of an attention's keys or values: (B, K, capacity, d). */
  private record Buffer(NDArray array, long capacity) {}

  /**
   * The buffers of an attention, which have room for the positions of a pass.
   *
   * @param keys (B, K, capacity, d)
   * @param values (B, K, capacity, d)
   * @param start the number of positions that they hold: a scalar on the CPU
   */
  public record Room(NDArray keys, NDArray values, NDArray start) {}

  private final Map<String, Buffer> buffers = new HashMap<>();
  private final Map<String, NDArray> fixed = new HashMap<>();
  private final Map<String, NDArray> shared = new HashMap<>();
  private long length;
  private @Nullable NDArray end;

  /** The number of cached positions, virtual tokens included. */
  public long length() {
    return length;
  }

  /** Counts positions that all layers have appended; only the stack calls this. */
  public void advance(long positions) {
    length += positions;
    forgetEnd();
  }

  /** The length as a kernel argument, created once per step instead of once per layer. */
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
   * @return all cached positions (B, K, length + T, d), valid until the next call
   */
  public NDArray append(String name, NDArray x) {
    return APPEND.call(buffer(name, x), x, end());
  }

  /**
   * The buffers of an attention, for a kernel that writes keys and values itself.
   *
   * @param keys the name that keys are appended under
   * @param values the name that values are appended under
   * @param positions T, how many are to be written
   * @return null if there are no buffers yet, or they are full: {@link #append} makes larger ones
   */
  public @Nullable Room room(String keys, String values, long positions) {
    Buffer k = buffers.get(keys);
    Buffer v = buffers.get(values);
    long needed = length + positions;
    return k == null || v == null || k.capacity < needed || v.capacity < needed
        ? null
        : new Room(k.array, v.array, end());
  }

  /**
   * Appends some rows of a batch, whose other rows are computed apart.
   *
   * @param x (B', K, T, d)
   * @param rows the numbers of these rows
   * @param batch the number of all rows, B
   * @return all cached positions of these rows (B', K, length + T, d)
   */
  NDArray append(String name, NDArray x, Rows rows, long batch) {
    NDArray whole = SPREAD.call(x, Tensors.scalar(batch));
    NDArray numbers = x.getManager().create(rows.numbers());
    return WRITE_ROWS.call(buffer(name, whole), x, end(), numbers);
  }

  private NDArray buffer(String name, NDArray x) {
    long needed = length + x.getShape().get(2);
    Buffer present = buffers.get(name);
    if (present != null && present.capacity >= needed) {
      return present.array;
    }
    long capacity = Math.max(64, Long.highestOneBit(needed - 1) * 2);
    NDArray old = present == null ? x : present.array;
    NDArray grown = Scope.release(GROW.call(x, old, Tensors.scalar(capacity)));
    if (present != null) {
      present.array.close();
    }
    buffers.put(name, new Buffer(grown, capacity));
    return grown;
  }

  /**
   * An array (B, …) that a layer computes once, such as keys of an encoder's output.
   *
   * @return the cached array of this name; the first call computes it with the supplier
   */
  public NDArray once(String name, Supplier<NDArray> make) {
    return present(fixed, name, make);
  }

  /** An array that all rows share and that is computed once, such as a table of prefixes. */
  public NDArray shared(String name, Supplier<NDArray> make) {
    return present(shared, name, make);
  }

  private static NDArray present(Map<String, NDArray> arrays, String name, Supplier<NDArray> make) {
    NDArray present = arrays.get(name);
    if (present == null) {
      present = Scope.release(make.get());
      arrays.put(name, present);
    }
    return present;
  }

  /** The cached array of {@link #once} with this name, or null. */
  public @Nullable NDArray get(String name) {
    return fixed.get(name);
  }

  /**
   * Replaces the rows by copies of rows, as beam search does.
   *
   * @param rows (B'), int64, on the model's device: by new row, the row that it copies
   * @param once whether the arrays of {@link #once} change, too. They need not if rows change
   *     places only among those of one prompt
   */
  public void reorder(NDArray rows, boolean once) {
    buffers.replaceAll(
        (name, buffer) -> new Buffer(reordered(buffer.array, rows), buffer.capacity));
    if (once) {
      fixed.replaceAll((name, array) -> reordered(array, rows));
    }
  }

  private static NDArray reordered(NDArray array, NDArray rows) {
    try (array) {
      return Scope.release(SELECT.call(array, rows));
    }
  }

  /** Forgets everything. The cache can be used again. */
  @Override
  public void close() {
    buffers.values().forEach(buffer -> buffer.array.close());
    buffers.clear();
    for (Map<String, NDArray> arrays : List.of(fixed, shared)) {
      arrays.values().forEach(NDArray::close);
      arrays.clear();
    }
    length = 0;
    forgetEnd();
  }
}
