package io.github.peft4j.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.pass.KeyValueCache;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.PaddedRows;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.site.ActiveAdapters;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A forward pass of one token for each text of a batch that is the same each time: it launches the
 * same kernels on the same memory. What changes from token to token is in tensors of the device:
 * the tokens, their place, the mask, keys and values. So the pass can be recorded once and
 * replayed.
 *
 * <p>Keys and values have a number of places, the capacity; the mask (B, capacity - n) hides those
 * that are not written yet, n being the virtual tokens in front. The pass counts its place itself.
 */
final class RepeatedStep implements AutoCloseable {

  private static final Kernel UNBIND =
      Kernel.of(
          """
          def unbind(x: Tensor) -> List[Tensor]:                 # (2, B, 1) → two of (B, 1)
              return torch.unbind(x, 0)
          """);
  private static final Kernel COPY =
      Kernel.of(
          """
          def copy(target: Tensor, source: Tensor) -> Tensor:    # of any device
              return torch.copy_(target, torch.reshape(source, torch.size(target)))
          """);

  /** Shows the place of the token, if its text goes on. */
  private static final Kernel SHOW =
      Kernel.of(
          """
          def show(mask: Tensor, place: Tensor, virtual: Tensor, open: Tensor) -> Tensor:
              return torch.index_copy_(mask, 1, torch.sub(place, virtual), open)
          """);

  private static final Kernel ADVANCE =
      Kernel.of(
          """
          def advance(place: Tensor) -> Tensor:
              return torch.add_(place, 1)
          """);
  private static final Kernel SELECT =
      Kernel.of(
          """
          def select(mask: Tensor, rows: Tensor) -> Tensor:
              return torch.copy_(mask, torch.index_select(mask, 0, rows))
          """);

  private final TransformerModel model;
  private final ActiveAdapters adapters;
  private final int rows;
  private final long capacity;
  private final long virtual;
  private final long since;
  private final KeyValueCache cache = new KeyValueCache();
  private final NDArray fed; // (2, B, 1): tokens, and whether the text goes on
  private final NDArray tokens; // (B, 1), on the memory of fed
  private final NDArray open; // (B, 1), on the memory of fed
  private final NDArray mask; // (B, capacity - n)
  private final Recorder.Recording recording;
  private @Nullable NDArray logits; // (B, V)
  private long @Nullable [] ahead;

  /**
   * Creates a step. Nothing is computed yet.
   *
   * @param adapters that compute in it
   * @param rows B
   * @param capacity the number of places, virtual tokens included
   * @param virtual n
   * @param since how often something that computes has changed before
   */
  RepeatedStep(
      TransformerModel model,
      ActiveAdapters adapters,
      int rows,
      long capacity,
      long virtual,
      long since) {
    this.model = model;
    this.adapters = adapters;
    this.rows = rows;
    this.capacity = capacity;
    this.virtual = virtual;
    this.since = since;
    NDManager manager = model.manager();
    try (Scope scope = new Scope()) {
      this.fed = Scope.release(manager.zeros(new Shape(2, rows, 1), DataType.INT64));
      NDList parts = UNBIND.callForAll(fed);
      this.tokens = Scope.release(parts.get(0));
      this.open = Scope.release(parts.get(1));
      this.mask = Scope.release(manager.zeros(new Shape(rows, capacity - virtual), DataType.INT64));
    }
    Recorder recorder = adapters.isRepeatable() ? model.recorder() : Recorder.PLAIN;
    this.recording = recorder.record(this::step);
  }

  /** Whether this step serves a batch. */
  boolean serves(ActiveAdapters wanted, int batch, long places, long inFront) {
    return wanted == adapters && batch == rows && places == capacity && inFront == virtual;
  }

  int rows() {
    return rows;
  }

  /** The number of positions that its memory is for. */
  long positions() {
    return rows * capacity;
  }

  /** How often something that computes had changed when this was made. */
  long since() {
    return since;
  }

  /** The keys and values of what has been {@link #read}. */
  KeyValueCache cache() {
    takeBack();
    return cache;
  }

  /** Whether another token can be read here. */
  boolean hasRoom() {
    return ahead != null || cache.length() < capacity;
  }

  /**
   * Begins with texts of which everything but the last token has been read.
   *
   * @param read keys and values of what has been read; they are copied
   * @param texts the last tokens, with the mask of all, or null for no padding
   */
  void load(KeyValueCache read, PaddedRows texts) {
    ahead = null;
    Autograd.without(
        () -> {
          cache.repeat(read, capacity, model.manager());
          return null;
        });
    int places = (int) (capacity - virtual);
    int before = (int) (read.length() - virtual);
    long[] shown = new long[rows * places];
    long[][] known = texts.mask();
    for (int row = 0; row < rows; row++) {
      int start = row * places;
      if (known == null) {
        Arrays.fill(shown, start, start + before, 1);
      } else {
        System.arraycopy(known[row], 0, shown, start, before);
      }
    }
    copy(mask, shown);
  }

  /**
   * Reads the next token of each text, and computes the logits (B, V) of the one after it.
   *
   * @param open by row, whether the text goes on; the logits of other rows mean nothing
   */
  NDArray read(PaddedRows texts, boolean[] open) {
    long[] next = next(texts);
    if (!isRead(next, open)) {
      run(next);
    }
    ahead = null;
    return result().duplicate(); // the next step writes into the same memory
  }

  /** Begins to {@link #read} tokens before it is known which texts go on. */
  void readAhead(PaddedRows texts) {
    takeBack();
    if (hasRoom()) {
      long[] next = next(texts);
      run(next);
      ahead = next;
    }
  }

  /** Whether the tokens of all open texts have been read ahead; if not, nothing has been. */
  private boolean isRead(long[] next, boolean[] open) {
    long[] known = ahead;
    if (known == null) {
      return false;
    }
    for (int row = 0; row < rows; row++) {
      if (open[row] && next[row] != known[row]) {
        takeBack();
        return false;
      }
    }
    return true;
  }

  private void takeBack() {
    if (ahead != null) {
      ahead = null;
      cache.takeBack();
    }
  }

  /** What the step is fed with: the tokens, and whether they are shown. */
  private long[] next(PaddedRows texts) {
    long[] next = new long[2 * rows];
    long[][] known = texts.mask();
    for (int row = 0; row < rows; row++) {
      next[row] = texts.ids()[row][0];
      next[rows + row] = known == null ? 1 : known[row][known[row].length - 1];
    }
    return next;
  }

  private void run(long[] next) {
    copy(fed, next);
    Autograd.without(
        () -> {
          recording.run();
          return null;
        });
    cache.repeated();
  }

  private static void copy(NDArray target, long[] values) {
    Autograd.without(
        () -> {
          try (NDArray host = Tensors.onHost(values);
              NDArray same = COPY.call(target, host)) {
            return same;
          }
        });
  }

  /** What is the same each time. */
  private void step() {
    try (Scope scope = new Scope();
        Pass pass = new Pass(Tape.inference(), cache, adapters).leftPadded()) {
      SHOW.call(mask, cache.place(), Tensors.scalar(virtual), open);
      NDArray next = model.nextOfReplicas(new ModelInput(tokens, mask, null, null), pass);
      if (logits == null) {
        logits = Scope.release(next.duplicate());
      } else {
        Tensors.copy(logits, next);
      }
      ADVANCE.call(cache.place());
    }
  }

  private NDArray result() {
    NDArray computed = logits;
    if (computed == null) {
      throw new IllegalStateException("the step has not run");
    }
    return computed;
  }

  /** Replaces the rows by as many copies of rows, see {@link Decoding#select}. */
  void select(NDArray index) {
    takeBack();
    Autograd.without(
        () -> {
          cache.reorder(index, false);
          SELECT.call(mask, index).close();
          return null;
        });
  }

  @Override
  public void close() {
    recording.close();
    cache.close();
    for (NDArray array : new NDArray[] {fed, tokens, open, mask}) {
      array.close();
    }
    if (logits != null) {
      logits.close();
      logits = null;
    }
  }
}
