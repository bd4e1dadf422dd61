package io.github.peft4j.transformer.pass;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The states between a frozen stack's layers, by what a row's tokens are, so that they are computed
 * once in a training. When there is no more room, further rows are computed each time.
 */
public final class KeptStates implements AutoCloseable {

  private static final Kernel STACK =
      Kernel.of(
          """
          def stack(states: List[Tensor]) -> Tensor:             # (B, T, D) each → (L + 1, B, T, D)
              return torch.stack(states, 0)
          """);
  private static final Kernel ROW =
      Kernel.of(
          """
          def row(all: Tensor, b: Tensor, n: Tensor) -> Tensor:  # → (L + 1, n, D)
              return torch.clone(torch.narrow(torch.select(all, 1, int(b)), 1, 0, int(n)))
          """);

  /** What is behind a row's tokens is never read, and is zero. */
  private static final Kernel ROWS =
      Kernel.of(
          """
          def rows(kept: List[Tensor], like: List[Tensor]) -> List[Tensor]:   # like (B, T, D)
              padded = []
              for x in kept:
                  padded.append(torch.constant_pad_nd(x, [0, 0, 0, torch.size(like[0], 1) - torch.size(x, 1)], 0.))
              return torch.unbind(torch.stack(padded, 1), 0)     # L + 1 of (B, T, D)
          """);

  private final Map<Key, NDArray> kept = new HashMap<>();
  private final long limit;
  private long bytes;

  /** A row of a stack's input. */
  private record Key(String stack, LongBuffer tokens) {}

  /**
   * Creates an empty store.
   *
   * @param limit the most bytes, above 0, on the model's device
   */
  public KeptStates(long limit) {
    this.limit = limit;
  }

  /**
   * The rows of a batch.
   *
   * @param store where their states are kept
   * @param tokens by row, all that its states depend on: ids, segments, what a decoder reads, and
   *     what methods below read of a row, as a task or the number of given tokens
   * @param lengths by row, the number of its ids; padding is behind them
   * @param decoderLengths the same for a decoder's ids; null without a decoder
   */
  @SuppressWarnings("ArrayRecordComponent") // nobody compares them
  public record Rows(
      KeptStates store, List<LongBuffer> tokens, int[] lengths, int @Nullable [] decoderLengths) {

    /** The rows n times. */
    Rows repeat(int n) {
      List<LongBuffer> all = new ArrayList<>();
      for (int i = 0; i < n; i++) {
        all.addAll(tokens);
      }
      return new Rows(
          store,
          all,
          repeat(lengths, n),
          decoderLengths == null ? null : repeat(decoderLengths, n));
    }

    private static int[] repeat(int[] values, int n) {
      return IntStream.range(0, n * values.length).map(i -> values[i % values.length]).toArray();
    }

    /** The same rows for the stack that reads the decoder's ids. */
    public Rows ofDecoder() {
      return new Rows(store, tokens, Objects.requireNonNull(decoderLengths), null);
    }

    /** The states of a stack (B, T, D), or null if they have to be computed. */
    @Nullable List<NDArray> states(String stack, NDArray like) {
      List<NDArray> found = new ArrayList<>();
      for (LongBuffer row : tokens) {
        NDArray states = store.kept.get(new Key(stack, row));
        if (states == null) {
          return null;
        }
        found.add(states);
      }
      return Autograd.without(() -> ROWS.callWithLists(new NDList(found), new NDList(like)));
    }

    /**
     * Keeps the states of a stack, as long as there is room.
     *
     * @param virtual the number of vectors before the tokens of each row
     */
    void keep(String stack, List<NDArray> states, long virtual) {
      if (store.bytes >= store.limit) {
        return;
      }
      Autograd.without(
          () -> {
            try (Scope scope = new Scope()) {
              NDArray all = STACK.callWithLists(new NDList(states)).singletonOrThrow();
              for (int b = 0; b < tokens.size(); b++) {
                store.keep(new Key(stack, tokens.get(b)), all, b, virtual + lengths[b]);
              }
              return null;
            }
          });
    }
  }

  private void keep(Key key, NDArray all, int row, long length) {
    long rows = all.getShape().get(1) * all.getShape().get(2);
    long size = all.getShape().size() / rows * length * all.getDataType().getNumOfBytes();
    if (bytes + size <= limit && !kept.containsKey(key)) {
      NDArray one = ROW.call(all, Tensors.scalar(row), Tensors.scalar(length));
      kept.put(key, Scope.release(one));
      bytes += size;
    }
  }

  /** The number of rows whose states are kept. */
  public int size() {
    return kept.size();
  }

  @Override
  public void close() {
    kept.values().forEach(NDArray::close);
    kept.clear();
    bytes = 0;
  }
}
