package io.github.peft4j.transformer.pass;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.rope.RotaryEmbedding;
import io.github.peft4j.transformer.rope.Rotation;
import io.github.peft4j.tuner.Rows;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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

  /**
   * The function {@code write(buffer, x, place)} in TorchScript for {@linkplain #repeat repeated
   * steps}: x (B, K, 1, d) is written at the place that the tensor {@code place} (1) holds on the
   * model's device. The result is the whole buffer.
   */
  public static final String WRITE_AT =
      """
      def write(buffer: Tensor, x: Tensor, place: Tensor) -> Tensor:
          return torch.index_copy_(buffer, 2, place, x)
      """;

  private static final Kernel APPEND = Kernel.of(WRITE);
  private static final Kernel APPEND_AT = Kernel.of(WRITE_AT);

  private static final Kernel EMPTY =
      Kernel.of(
          """
          def empty(like: Tensor, capacity: Tensor) -> Tensor:
              return torch.new_empty(like, [torch.size(like, 0), torch.size(like, 1), int(capacity), torch.size(like, 3)])
          """);

  /** What was there is no longer seen, but a number that is not finite would be seen. */
  private static final Kernel LOAD =
      Kernel.of(
          """
          def load(buffers: List[Tensor], others: List[Tensor], length: List[Tensor]) -> List[Tensor]:
              n = int(length[0])
              for i in range(torch.len(buffers)):
                  buffer = torch.zero_(buffers[i])
                  part = torch.copy_(torch.narrow(buffer, 2, 0, n), torch.narrow(others[i], 2, 0, n))
              return buffers
          """);

  private static final Kernel SELECT_IN_PLACE =
      Kernel.of(
          """
          def select(buffers: List[Tensor], rows: List[Tensor], length: List[Tensor]) -> List[Tensor]:
              n = int(length[0])
              for i in range(torch.len(buffers)):
                  part = torch.narrow(buffers[i], 2, 0, n)
                  part2 = torch.copy_(part, torch.index_select(part, 0, rows[0]))
              return buffers
          """);

  private static final Kernel SET =
      Kernel.of(
          """
          def set(place: Tensor, length: Tensor) -> Tensor:
              return torch.fill_(place, int(length))
          """);

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
          def select(x: Tensor, rows: Tensor) -> Tensor:         # of any device
              return torch.index_select(x, 0, torch.to(rows, x.device, rows.dtype, False, False))
          """);

  /** Room for the positions of an attention's keys or values: (B, K, capacity, d). */
  private record Buffer(NDArray array, long capacity) {}

  /**
   * The buffers of an attention, which have room for the positions of a pass.
   *
   * @param keys (B, K, capacity, d)
   * @param values (B, K, capacity, d)
   * @param start the number of positions that they hold: a scalar on the CPU, or in a repeated step
   *     the place (1) on the model's device
   * @param isRepeated whether this is a repeated step, so that {@link #WRITE_AT} writes
   */
  public record Room(NDArray keys, NDArray values, NDArray start, boolean isRepeated) {}

  private final Map<String, Buffer> buffers = new HashMap<>();
  private final Map<String, NDArray> fixed = new HashMap<>();
  private final Map<String, NDArray> shared = new HashMap<>();
  private final IdentityHashMap<RotaryEmbedding, Rotation> tables = new IdentityHashMap<>();
  private long length;
  private @Nullable NDArray end;
  private @Nullable NDArray place;
  private long capacity;

  /** The number of cached positions, virtual tokens included. */
  public long length() {
    return length;
  }

  /**
   * Counts positions that all layers have appended; only the stack calls this. Those of a repeated
   * step are counted by {@link #repeated}.
   */
  public void advance(long positions) {
    if (place == null) {
      length += positions;
      forgetEnd();
    }
  }

  /** Whether passes with this cache are repeated steps, see {@link #repeat}. */
  public boolean isRepeated() {
    return place != null;
  }

  /**
   * The number of keys that a pass sees before its own. In a repeated step it is the number of all
   * places but one: the mask says which of them hold a key.
   */
  public long before() {
    return place == null ? length : capacity - 1;
  }

  /**
   * Takes over copies of what another cache holds, for repeated steps. From now on each pass reads
   * one token, launches the same kernels on the same memory, and attends to all places of buffers
   * of fixed size, with a mask that shows those that are written. Nothing about the position is
   * known to the host.
   *
   * @param capacity the number of places, above the other cache's length and the same in each call
   * @param device the manager of the model's device
   */
  public void repeat(KeyValueCache other, long capacity, NDManager device) {
    this.capacity = capacity;
    try (Scope scope = new Scope()) {
      other.buffers.forEach(
          (name, buffer) -> {
            if (!buffers.containsKey(name)) {
              NDArray empty = EMPTY.call(buffer.array, Tensors.scalar(capacity));
              buffers.put(name, new Buffer(Scope.release(empty), capacity));
            }
          });
      LOAD.callWithLists(
          arrays(other, this), arrays(other, other), new NDList(Tensors.scalar(other.length)));
      other.shared.forEach(
          (name, array) -> Tensors.copy(present(shared, name, array::duplicate), array));
      length = other.length;
      NDArray present = place;
      if (present == null) {
        present = Scope.release(Tensors.longs(device, length));
        place = present;
      }
      SET.call(present, Tensors.scalar(length));
    }
  }

  /** The buffers of a cache, in the order of those of the first one. */
  private static NDList arrays(KeyValueCache order, KeyValueCache of) {
    NDList arrays = new NDList();
    order.buffers.keySet().forEach(name -> arrays.add(of.array(name)));
    return arrays;
  }

  private NDArray array(String name) {
    return Objects.requireNonNull(buffers.get(name), name).array;
  }

  /** The tables of a rotation in repeated steps, which read the same memory each time. */
  Rotation tables(RotaryEmbedding embedding, Supplier<Rotation> make) {
    return tables.computeIfAbsent(embedding, any -> make.get());
  }

  /** The place (1) of the next token in a repeated step, on the model's device. */
  public NDArray place() {
    return Objects.requireNonNull(place, "no repeated step");
  }

  /** Counts the position that a repeated step has written. */
  public void repeated() {
    length++;
  }

  /** Takes the last position of a repeated step back. */
  public void takeBack() {
    length--;
    SET.call(place(), Tensors.scalar(length)).close();
  }

  /** Moves what another cache holds here. Nothing stays there, and passes are of any length. */
  public void takeOver(KeyValueCache other) {
    close();
    buffers.putAll(other.buffers);
    fixed.putAll(other.fixed);
    shared.putAll(other.shared);
    length = other.length;
    other.buffers.clear();
    other.fixed.clear();
    other.shared.clear();
    other.close();
  }

  private void endRepeating() {
    tables.values().forEach(Rotation::close);
    tables.clear();
    if (place != null) {
      place.close();
      place = null;
    }
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
    NDArray at = place;
    return at == null ? APPEND.call(buffer(name, x), x, end()) : APPEND_AT.call(array(name), x, at);
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
    if (k == null || v == null || k.capacity < needed || v.capacity < needed) {
      return null;
    }
    NDArray at = place;
    return new Room(k.array, v.array, at == null ? end() : at, at != null);
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
    if (place != null) {
      SELECT_IN_PLACE.callWithLists(
          arrays(this, this), new NDList(rows), new NDList(Tensors.scalar(length)));
      return; // there are no arrays of an encoder
    }
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
    endRepeating();
  }
}
